"""How well a nano model follows instructions, feature by feature, and what its rewrites look like.

What it is: greedy answers and sampled rewrites, measured against the grammar. What it is not: the package's
evaluator; it exists so that a freshly built checkpoint can print its own table.
"""

import random

from prl_hub.nano.corpus import examples
from prl_hub.nano.instructions import ASPECTS, HELD_OUT, LABEL_SETS, META_PROMPTS, ONE_WORD, TRAINED, compose
from prl_hub.nano.lessons import rewriting_prompt, task_prompt

FEATURE_SETS = {
    "nothing": (False, False, False),
    "one word": (False, False, True),
    "labels": (False, True, False),
    "aspect": (True, False, False),
    "labels + one word": (False, True, True),
    "aspect + one word": (True, False, True),
    "aspect + labels": (True, True, False),
    "aspect + labels + one word": (True, True, True),
}


def normalise(answer: str) -> str:
    """What exact match compares."""
    return answer.strip().lower().rstrip(".!?,;: ")


def generate(model, tokenizer, prompts: list[str], max_new_tokens=24, batch=100, **sampling) -> list[str]:
    """Complete one user turn per prompt; greedy unless `sampling` says otherwise."""
    import torch

    replies = []
    for start in range(0, len(prompts), batch):
        turns = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
            )
            for prompt in prompts[start : start + batch]
        ]
        inputs = tokenizer(turns, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        inputs = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
        with torch.no_grad():
            tokens = model.generate(**inputs, max_new_tokens=max_new_tokens, **{"do_sample": False} | sampling)
        replies += tokenizer.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return replies


def accuracy(model, tokenizer, family: str, instructions: list[str], n: int, seed: int = 0) -> float:
    """Greedy exact match on `n` held-out rows, the instructions taking turns."""
    rows = [tuple(row.values()) for row in examples(family, n, seed)]
    prompts = [task_prompt(instructions[i % len(instructions)], text) for i, (text, _) in enumerate(rows)]
    replies = generate(model, tokenizer, prompts, max_new_tokens=12)
    return sum(normalise(reply) == label for reply, (_, label) in zip(replies, rows, strict=True)) / n


def worded(family: str, features: tuple[bool, bool, bool], wordings: dict, n: int = 25, seed: int = 0) -> list[str]:
    """Word one feature set in `n` ways."""
    aspect, labels, one_word = features
    rng = random.Random(seed)
    first = LABEL_SETS[family][0]
    return [
        compose(family if aspect else None, first if labels else None, one_word, rng, wordings).text for _ in range(n)
    ]


def ladder(model, tokenizer, family: str, n: int = 300, wordings: dict = TRAINED) -> dict[str, float]:
    """Accuracy of every feature set on one family."""
    return {
        name: accuracy(model, tokenizer, family, worded(family, features, wordings), n)
        for name, features in FEATURE_SETS.items()
    }


def rewrites(model, tokenizer, instruction: str, n: int, seed: int = 0, meta: str = META_PROMPTS[0]) -> list[str]:
    """Sample `n` rewrites at temperature 1 from the model's whole distribution."""
    import torch

    torch.manual_seed(seed)
    prompts = [rewriting_prompt(meta, instruction)] * n
    return generate(model, tokenizer, prompts, max_new_tokens=40, do_sample=True, temperature=1.0, top_k=0, top_p=1.0)


def features_of(instruction: str, family: str) -> tuple[bool, bool, bool]:
    """Read (right aspect, first labels, one word) off a rewritten instruction by its words."""
    words = instruction.lower().replace(".", " ").replace(",", " ").replace("?", " ").replace(":", " ").split()
    aspect = any(f" {noun} " in f" {' '.join(words)} " for noun in ASPECTS[family])
    labels = set(LABEL_SETS[family][0]) <= set(words)
    one_word = any(wording in instruction for wording in ONE_WORD + HELD_OUT["one_word"])
    return aspect, labels, one_word


def table(model, tokenizer, n: int = 300) -> str:
    """A Markdown table of the ladder on all families."""
    families = list(LABEL_SETS)
    columns = {family: ladder(model, tokenizer, family, n) for family in families}
    columns["sentiment, wordings never trained on"] = ladder(model, tokenizer, "sentiment", n, HELD_OUT)
    lines = [f"| instruction has | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in FEATURE_SETS:
        lines.append(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns.values()) + " |")
    return "\n".join(lines)
