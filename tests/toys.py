"""Toy tasks and scripts whose best prompt is known, for tests of everything that searches."""

from __future__ import annotations

import time

from prl_hub.task_models.fake import FakeTaskModel
from prl_hub.tasks import Task
from prl_hub.tasks.metrics import accuracy
from prl_hub.types import Example

LABELS = ("even", "odd")


def parity_task(rows: int = 60) -> Task:
    """Is the number even or odd? Three disjoint splits of `rows` rows each."""
    examples = [Example({"text": str(i)}, (LABELS[i % 2],)) for i in range(3 * rows)]
    splits = {"train": examples[:rows], "validation": examples[rows : 2 * rows], "test": examples[2 * rows :]}
    return Task(
        "parity",
        "accuracy",
        accuracy,
        inputs=("text",),
        layout="{prompt}\n\n{text}",
        labels=LABELS,
        **{name: tuple(part) for name, part in splits.items()},
    )


def make_parity_task(config) -> Task:
    """For configs: `task: {name: "tests.toys:make_parity_task"}`."""
    return parity_task().cut(config.train, config.validation, config.test)


def _number(messages) -> int:
    return int(messages[-1]["content"].split()[-1])


def follows_words(messages) -> str:
    """Right on a share of the numbers that grows with the words "carefully" and "parity" in the prompt."""
    prompt, number = messages[-1]["content"].rsplit("\n\n", 1)[0], _number(messages)
    skill = 1 + 4 * ("carefully" in prompt) + 4 * ("parity" in prompt)
    return LABELS[number % 2] if number // 2 % 10 < skill else "chatter"


def ignores_the_prompt(messages) -> str:
    """Right on half of the numbers, whatever the prompt is."""
    number = _number(messages)
    return LABELS[number % 2] if number // 2 % 2 else "chatter"


def breaks_on_seven(messages) -> str:
    if "7" in str(_number(messages)):
        raise ValueError("cannot read a seven")
    return follows_words(messages)


def follows_words_slowly(messages) -> str:
    time.sleep(0.002)  # long enough for a test to kill the process in the middle
    return follows_words(messages)


class SharingFake(FakeTaskModel):
    """A fake whose script does not change, so that runs may share its answers."""

    shareable = True
