"""The nouns that travel between the stages: prompt, example, answer, evaluation.

Frozen and made of the standard library alone. Identity is content: two prompts with the same text have the same id,
in every run and on every machine. How these are produced is the business of the packages further down the flow.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prl_hub.errors import UserError

Message = dict[str, str]
"""One chat message: ``{"role": "system" | "user" | "assistant", "content": ...}``."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def content_id(*parts: str) -> str:
    """Sixteen hexadecimal digits that depend on every part and on where each one ends."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each ``{name}`` that is a key of `values`, once, from left to right; leave every other brace alone.

    No expression, attribute or format specification is ever looked at, and what was filled in is not read again, so
    neither a downloaded template nor a row of data can reach anything.
    """
    return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), template)


def placeholders(template: str) -> set[str]:
    """The names that `fill` would look for."""
    return set(_PLACEHOLDER.findall(template))


@dataclass(frozen=True)
class Prompt:
    """A text to be optimised.

    `text` is an instruction, or a whole user message when it holds placeholders of the task's inputs, such as
    ``{text}``. `system` is an optional system message. `origin` says which policy or person it came from and does not
    count for identity.
    """

    text: str
    system: str | None = None
    origin: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        return content_id(self.text) if self.system is None else content_id(self.text, self.system)


@dataclass(frozen=True)
class Example:
    """One row of the data set: named inputs, and the accepted answers, the first of which is *the* label."""

    inputs: Mapping[str, str]
    references: tuple[str, ...]

    @property
    def label(self) -> str:
        return self.references[0]

    @property
    def id(self) -> str:
        """Depends on the inputs only: the same text with two labels is the same example."""
        return content_id(*(part for name in sorted(self.inputs) for part in (name, self.inputs[name])))


@dataclass(frozen=True)
class Decoding:
    """How an answer is drawn from the task model. Part of the cache key, so it holds every setting.

    `choices` empty: generate greedily. Otherwise the answer is the choice with the highest probability.
    """

    max_tokens: int
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the task model said to one request, and what it cost in tokens.

    `tokens_computed` are prompt tokens run through the model, `tokens_reused` those taken from a cache of the engine,
    `tokens_generated` new ones. `logprobs` belongs to label mode. `error` set means: no answer was ever given.
    """

    text: str
    tokens_computed: int = 0
    tokens_reused: int = 0
    tokens_generated: int = 0
    logprobs: Mapping[str, float] | None = None
    error: str | None = None


@dataclass(frozen=True)
class Row:
    """One prompt on one example. `score` is None when there was no answer to score (`error` says why)."""

    example_id: str
    messages: Sequence[Message]
    answer: str
    label: str
    score: float | None
    error: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """One prompt on many examples of one split, rows in the order of the examples."""

    prompt: Prompt
    split: str
    rows: tuple[Row, ...]

    @property
    def scores(self) -> list[float]:
        return [row.score for row in self.rows if row.score is not None]

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def value(self) -> float:
        """Mean score over the rows that have one; 0 where none has."""
        return sum(self.scores) / self.n if self.n else 0.0

    @property
    def floor(self) -> float:
        """Mean score if every row without one were wrong. What training and selection go by: a prompt that makes the
        hard rows fail must not win by it."""
        return sum(self.scores) / len(self.rows) if self.rows else 0.0


def as_prompt(prompt: Prompt | str | Mapping[str, Any]) -> Prompt:
    """A prompt from a prompt, a plain text, or a mapping with `text` and optionally `system`."""
    if isinstance(prompt, Prompt):
        return prompt
    if isinstance(prompt, str):
        return Prompt(prompt)
    if not isinstance(prompt, Mapping) or not isinstance(prompt.get("text"), str):
        raise UserError(f"expected a prompt as text, or as a mapping with 'text', got {prompt!r}")
    return Prompt(prompt["text"], prompt.get("system"))
