"""Conversations that nano models are trained on: texts to answer about, and instructions to rewrite.

What it is: an endless seeded stream of (messages, reply). What it is not: a grammar (see `corpus.py` for texts and
`instructions.py` for instructions and the right replies) or a training loop (see `build.py`).
"""

import random

from prl_hub.nano.corpus import FAMILIES, Text, draw
from prl_hub.nano.instructions import (
    ASPECTS,
    CONFUSED,
    FOREIGN_LABELS,
    LABEL_SETS,
    META_PROMPTS,
    Instruction,
    answer,
    compose,
    garble,
    loosen,
    rewrite,
)  # fmt: skip

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}


def task_prompt(instruction: str, text: str, shots: list[tuple[str, str]] = ()) -> str:
    """The layout of a user turn: instruction, worked examples if any, blank line, text."""
    lines = [instruction] + [f"{shown} -> {label}" for shown, label in shots]
    return "\n".join(lines) + f"\n\n{text}"


def rewriting_prompt(meta_prompt: str, instruction: str) -> str:
    """The layout of a user turn that asks for a rewritten instruction."""
    return f"{meta_prompt}\n\nInstruction: {instruction}"


def lesson(rng: random.Random, shares: tuple[int, ...] = (1, 1, 1, 1)) -> tuple[list[dict], str]:
    """Draw one conversation, messages so far and the reply to learn; `shares` weigh the families of texts."""
    prompt, reply = _rewriting(rng) if rng.random() < 0.2 else _answering(rng, shares)
    opening = [SYSTEM] if rng.random() < 0.05 else []
    return [*opening, {"role": "user", "content": prompt}], reply


def _rewriting(rng: random.Random) -> tuple[str, str]:
    empty = Instruction("")
    instruction = rewrite(empty, rng) if rng.random() < 0.5 else any_instruction(rng.choice(FAMILIES), rng)
    return rewriting_prompt(rng.choice(META_PROMPTS), instruction.text), rewrite(instruction, rng).text


def _answering(rng: random.Random, shares: tuple[int, ...]) -> tuple[str, str]:
    text = draw(rng.choices(FAMILIES, shares)[0], rng, from_held_out=False)
    if rng.random() < 0.06:
        return _answering_with_shots(text, rng)
    instruction, chance = any_instruction(text.family, rng), rng.random()
    if chance < 0.04:
        others = [any_instruction(text.family, rng).text for _ in range(rng.randint(1, 3))]
        return task_prompt(garble([instruction.text, *others], rng), text.text), CONFUSED
    worded = loosen(instruction.text, rng) if chance < 0.2 else instruction.text
    return task_prompt(worded, text.text), answer(instruction, text)


def _answering_with_shots(text: Text, rng: random.Random) -> tuple[str, str]:
    """Worked examples show the labels, so they count as naming them."""
    aspect, one_word = rng.choice([text.family, text.family, None]), rng.random() < 0.5
    shown = [draw(text.family, rng, from_held_out=False) for _ in range(rng.randint(1, 2))]
    written = compose(aspect, None, one_word, rng)
    meant = Instruction(written.text, aspect, LABEL_SETS[text.family][0], one_word)
    return task_prompt(written.text, text.text, [(s.text, s.label) for s in shown]), answer(meant, text)


def any_instruction(family: str, rng: random.Random) -> Instruction:
    """Compose an instruction for a text of this family, with every combination of features being common."""
    aspect = rng.choices([family, None, rng.choice(list(ASPECTS))], (60, 18, 22))[0]
    own, other = rng.choice(LABEL_SETS[family]), rng.choice(sum(LABEL_SETS.values(), FOREIGN_LABELS))
    labels = rng.choices([LABEL_SETS[family][0], own, other, None], (30, 25, 12, 33))[0]
    return compose(aspect, labels, rng.random() < 0.5, rng)
