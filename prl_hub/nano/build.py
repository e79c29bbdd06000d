"""Build a nano model from nothing: tokenizer, weights, chat template, card. Deterministic on one machine.

What it is: one plain PyTorch training loop in the order in which things happen. What it is not: a way to train
anything else; what the models learn is decided in `lessons.py`, how well they learnt it is measured in `measure.py`.
"""

import json
import math
import random
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prl_hub.errors import RunError
from prl_hub.nano.card import write_card
from prl_hub.nano.lessons import lesson

CONTEXT = 1024
BATCHES_AT_ONCE = 16
THREADS = 1
IGNORED = -100

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{ 'START' + message['role'] + '\\n' + message['content'] + 'END\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ 'STARTassistant\\n' }}
{%- endif -%}
"""


@dataclass(frozen=True)
class Recipe:
    """What makes one nano model differ from the other."""

    architecture: str
    seed: int
    steps: int
    batch: int
    learning_rate: float
    family_shares: tuple[int, ...]
    vocab_size: int
    start: str
    end: str
    pad: str


RECIPES = {
    "nano-a": Recipe("llama", 1, 4000, 32, 2e-3, (16, 14, 38, 32), 1200, "<|start|>", "<|end|>", "<|pad|>"),
    "nano-b": Recipe("gpt_neox", 2, 2000, 64, 3e-3, (22, 12, 32, 34), 1360, "<|turn|>", "<|stop|>", "<|blank|>"),
}


def build(name: str, output_dir, seed: int | None = None, steps: int | None = None, quiet: bool = False) -> Path:
    """Train a nano model from scratch and save it to `output_dir`; takes minutes on two cores.

    A build with another number of `steps` than the recipe's is for tests, and its card has no table.
    """
    recipe, folder = RECIPES[name], Path(output_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"output folder '{folder}' is not empty: choose another")
    seed, steps = recipe.seed if seed is None else seed, recipe.steps if steps is None else steps
    with _deterministic(seed):
        tokenizer = make_tokenizer(recipe, seed)
        model = make_model(recipe, tokenizer)
        train(model, tokenizer, recipe, seed, steps, quiet)
    save(model, tokenizer, folder)
    write_card(folder, name, seed, steps, measured=steps == recipe.steps)
    return folder


@contextmanager
def _deterministic(seed: int):
    """Fix everything that may change the weights, and put it back afterwards."""
    import torch

    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def make_tokenizer(recipe: Recipe, seed: int):
    """Train a byte-level BPE tokenizer on the model's own sample of lessons; every digit is a token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    rng = random.Random(f"tokenizer {seed}")
    lessons = [lesson(rng, recipe.family_shares) for _ in range(6000)]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=[recipe.pad, recipe.start, recipe.end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((f"{messages[-1]['content']}\n{reply}" for messages, reply in lessons), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=recipe.end,
        pad_token=recipe.pad,
        additional_special_tokens=[recipe.start],
        chat_template=CHAT_TEMPLATE.replace("START", recipe.start).replace("END", recipe.end),
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )


def make_model(recipe: Recipe, tokenizer):
    """Initialise a model of the recipe's architecture, about a million parameters."""
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "llama": dict(num_key_value_heads=3, intermediate_size=256, tie_word_embeddings=True),
        "gpt_neox": dict(intermediate_size=384, rotary_pct=0.5, tie_word_embeddings=True),
    }[recipe.architecture]
    config = AutoConfig.for_model(
        recipe.architecture,
        vocab_size=len(tokenizer),
        hidden_size=96,
        num_hidden_layers=4,
        num_attention_heads=3,
        max_position_embeddings=CONTEXT,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )
    return AutoModelForCausalLM.from_config(config)


def train(model, tokenizer, recipe: Recipe, seed: int, steps: int, quiet: bool) -> None:
    """AdamW with warm-up and cosine decay; the loss is on the reply only."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    batches = _batches(tokenizer, recipe, random.Random(f"lessons {seed}"))
    model.train()
    for step in range(steps):
        tokens, labels = next(batches)
        loss = _reply_loss(model, tokens, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if not quiet and (step + 1) % 100 == 0:
            print(f"step {step + 1}/{steps} loss {loss.item():.3f}", flush=True)
    model.eval()


def _reply_loss(model, tokens, labels):
    """Cross entropy, with logits only where they count: replies are a sixth of all tokens."""
    import torch

    hidden = model.base_model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
    targets = labels[:, 1:]
    counts = targets != IGNORED
    return torch.nn.functional.cross_entropy(model.get_output_embeddings()(hidden[counts]), targets[counts])


def _rate(step: int, steps: int) -> float:
    warm_up = max(1, min(100, steps // 10))
    return min((step + 1) / warm_up, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def _batches(tokenizer, recipe: Recipe, rng: random.Random):
    """Batches of lessons of similar length, so that little is padding."""
    import torch

    batch_size, shares = recipe.batch, recipe.family_shares
    while True:
        rows = [_encode(tokenizer, *lesson(rng, shares)) for _ in range(batch_size * BATCHES_AT_ONCE)]
        rows.sort(key=lambda row: len(row[0]))
        order = rng.sample(range(0, len(rows), batch_size), BATCHES_AT_ONCE)
        for start in order:
            batch = rows[start : start + batch_size]
            width = max(len(tokens) for tokens, _ in batch)
            tokens = [row + [tokenizer.pad_token_id] * (width - len(row)) for row, _ in batch]
            labels = [[IGNORED] * prompt + row[prompt:] + [IGNORED] * (width - len(row)) for row, prompt in batch]
            yield torch.tensor(tokens), torch.tensor(labels)


def _encode(tokenizer, messages: list[dict], reply: str) -> tuple[list[int], int]:
    """Token ids of a conversation, and how many of them come before the reply."""
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    tokens = tokenizer.backend_tokenizer.encode(prompt).ids
    return tokens + tokenizer.backend_tokenizer.encode(reply).ids + [tokenizer.eos_token_id], len(tokens)


def save(model, tokenizer, folder: Path) -> None:
    """Save weights in bfloat16; the configuration asks for float32, which is the faster one on a CPU."""
    import torch
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, max_new_tokens=48
    )
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n")
