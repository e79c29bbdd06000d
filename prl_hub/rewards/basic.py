"""Rewards that need nothing but the evaluation itself."""

from __future__ import annotations

from prl_hub.tasks.base import Task
from prl_hub.tasks.metrics import normalise
from prl_hub.types import Evaluation


def accuracy(evaluation: Evaluation, task: Task) -> float:
    """Mean score on the training rows, whatever the task's metric is; a failed row counts as wrong."""
    return evaluation.floor


def label_format(evaluation: Evaluation, task: Task) -> float | None:
    """Share of answers that are one of the labels, right or wrong; does not apply to free answers."""
    if not task.labels or not evaluation.n:
        return None
    labels = {normalise(label) for label in task.labels}
    answers = [row.answer for row in evaluation.rows if row.error is None]
    return sum(normalise(answer) in labels for answer in answers) / len(answers)


def brevity(evaluation: Evaluation, task: Task) -> float:
    """1 for an empty prompt, falling to 1/2 at 100 words."""
    return 1 / (1 + len(evaluation.prompt.text.split()) / 100)
