"""From rendered texts to new tokens and log-probabilities: the plain path that every causal LM can take.

Works on a bare model and tokenizer, so that task model and rewriter share it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator, Sequence
from typing import Any


def encode(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a rendered text. A chat template writes its special tokens itself; plain text needs them added."""
    return tokenizer(text, add_special_tokens=not tokenizer.chat_template)["input_ids"]


def generate(
    model: Any, tokenizer: Any, texts: Sequence[str], max_tokens: int, temperature: float = 0.0, seed: int = 0
) -> tuple[list[str], int]:
    """Continuations of rendered texts, and the tokens read and written. Sampling leaves torch's own stream alone."""
    import torch

    prompts = [encode(tokenizer, text) for text in texts]
    with torch.inference_mode(), torch.random.fork_rng(devices=[] if model.device.type == "cpu" else None):
        torch.manual_seed(seed)
        new = decode(model, tokenizer, prompts, max_tokens, temperature)
    texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in new]
    return texts, sum(map(len, prompts)) + sum(map(len, new))


def decode(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], max_tokens: int, temperature: float = 0.0
) -> list[list[int]]:
    """New token ids of each prompt, up to and without the token that ended it."""
    stops = stop_tokens(model, tokenizer)
    ids, mask = left_padded(prompts, tokenizer.pad_token_id, model.device)
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    with _blank_generation_config(model):
        whole = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max_tokens,
            eos_token_id=stops,
            pad_token_id=tokenizer.pad_token_id,
            **sampling,
        )
    ends = set(stops)
    return [_until(row, ends) for row in whole[:, ids.shape[1] :].tolist()]


@contextlib.contextmanager
def _blank_generation_config(model: Any) -> Iterator[None]:
    """`generate` fills what it was not told from the checkpoint's own config: penalties, banned words, time limits."""
    from transformers import GenerationConfig

    own, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


def _until(ids: list[int], ends: set[int]) -> list[int]:
    return ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))]


def stop_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Everything that ends an answer: the tokenizer's and the checkpoint's end tokens, for base models a new line."""
    declared = model.generation_config.eos_token_id
    stops = {tokenizer.eos_token_id, *(declared if isinstance(declared, list) else [declared])} - {None}
    if not tokenizer.chat_template:
        stops |= _newline_tokens(tokenizer)
    return sorted(stops) or [tokenizer.pad_token_id]


@functools.lru_cache(maxsize=8)
def _newline_tokens(tokenizer: Any) -> frozenset[int]:
    texts = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
    return frozenset(i for i, text in enumerate(texts) if "\n" in text)


def left_padded(prompts: Sequence[Sequence[int]], pad: int, device: Any) -> tuple[Any, Any]:
    """Ids and attention mask, each of shape (prompts, longest)."""
    import torch

    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def tail_log_probability(model: Any, prompts: Sequence[Sequence[int]], tail: Sequence[int]) -> list[float]:
    """Sum of the log-probabilities of the tokens of `tail` right after each prompt."""
    import torch

    ids, mask = left_padded([[*prompt, *tail] for prompt in prompts], 0, model.device)
    extra = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0), "logits_to_keep": len(tail) + 1}
    known = inspect.signature(model.forward).parameters  # models with ALiBi or a state take no positions
    logits = model(input_ids=ids, attention_mask=mask, **{k: v for k, v in extra.items() if k in known}).logits
    logprobs = logits[:, -len(tail) - 1 : -1].float().log_softmax(-1)
    wanted = torch.tensor(tail, device=model.device)[None, :, None].expand(len(prompts), -1, 1)
    return logprobs.gather(-1, wanted).sum((1, 2)).tolist()
