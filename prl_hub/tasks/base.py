"""A task is data, rendering and scoring, and nothing else.

It knows no model, no policy and no reward: who answers is the business of `task_models`, what a whole prompt is worth
in training that of `rewards`. `score` is the metric of one answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prl_hub.errors import UserError, did_you_mean
from prl_hub.types import Example, Message, Prompt, fill, placeholders

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Task:
    """What to answer, how it is asked, and how an answer is scored.

    Example:
        >>> from prl_hub.tasks import Task
        >>> from prl_hub.tasks.metrics import accuracy
        >>> task = Task("mood", "accuracy", accuracy, inputs=("text",), layout="{prompt}\\n\\n{text}")
        >>> task.messages(Prompt("Good or bad?"), Example({"text": "a fine film"}, ("good",)))
        [{'role': 'user', 'content': 'Good or bad?\\n\\na fine film'}]
    """

    name: str
    metric: str
    score: Callable[[str, Example], float]
    inputs: tuple[str, ...]
    layout: str
    labels: tuple[str, ...] = ()
    """The permitted answers; empty: answers are free."""
    max_tokens: int = 16
    train: tuple[Example, ...] = ()
    validation: tuple[Example, ...] = ()
    test: tuple[Example, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    """Where the rows come from (dataset, config, revision, splits) and how many were dropped; plain JSON values."""

    def split(self, name: str) -> tuple[Example, ...]:
        if name not in SPLITS:
            raise UserError(f"split '{name}' is not known: {did_you_mean(name, SPLITS)}")
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def template(self, prompt: Prompt) -> list[Message]:
        """Chat messages in which the inputs are still ``{placeholders}``.

        A prompt that holds a placeholder of an input is the user message itself; any other one goes into the layout.
        """
        whole = placeholders(prompt.text) & set(self.inputs)
        user = prompt.text if whole else fill(self.layout, {"prompt": prompt.text})
        system = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
        return [*system, {"role": "user", "content": user}]

    def messages(self, prompt: Prompt, example: Example) -> list[Message]:
        """The exact chat messages of one example."""
        values = {name: example.inputs[name] for name in self.inputs}
        return [{**message, "content": fill(message["content"], values)} for message in self.template(prompt)]

    def cut(self, train: int | None, validation: int | None, test: int | None) -> Task:
        """The same task with at most that many rows in each split (None: all)."""
        return dataclasses.replace(
            self, train=self.train[:train], validation=self.validation[:validation], test=self.test[:test]
        )
