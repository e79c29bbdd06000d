"""Rewards: the training signal of one prompt, as a weighted sum of plain functions recorded by name.

A reward function takes the prompt's evaluation on training rows and its task and returns a number, or None where it
does not apply. Scores (the metric of one answer) are not made here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prl_hub.errors import ConfigError
from prl_hub.resolve import resolve
from prl_hub.tasks.base import Task
from prl_hub.types import Evaluation

RewardFunction = Callable[[Evaluation, Task], float | None]

REWARDS = {
    "accuracy": "prl_hub.rewards.basic:accuracy",
    "format": "prl_hub.rewards.basic:label_format",
    "brevity": "prl_hub.rewards.basic:brevity",
}


@dataclass(frozen=True)
class Reward:
    """Weighted sum of named reward functions; parts that do not apply (None) are left out."""

    functions: Mapping[str, RewardFunction]
    weights: Mapping[str, float]

    def __call__(self, evaluation: Evaluation, task: Task) -> tuple[float, dict[str, float | None]]:
        """The reward, and every part by its name, unweighted.

        Raises:
            FloatingPointError: a part is infinite or not a number, from which no policy can learn.
        """
        parts = {name: function(evaluation, task) for name, function in self.functions.items()}
        for name, part in parts.items():
            if part is not None and not math.isfinite(part):
                raise FloatingPointError(f"reward '{name}' is {part} for the prompt {evaluation.prompt.text!r}")
        return sum(self.weights[name] * part for name, part in parts.items() if part is not None), parts


def load_reward(weights: Mapping[str, float]) -> Reward:
    """The reward of a config.

    Raises:
        ConfigError: a name is neither known nor module:attr.
    """
    functions = {name: resolve(name, REWARDS, "reward") for name in weights}
    for name, function in functions.items():
        try:
            inspect.signature(function).bind("evaluation", "task")
        except (TypeError, ValueError):
            raise ConfigError(f"reward '{name}' is not a function of (evaluation, task)") from None
    return Reward(functions, weights)
