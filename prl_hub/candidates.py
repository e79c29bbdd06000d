"""The prompts that a run has seen: their rewards so far, which were validated, and the best one.

Keeps score and decides nothing about money or rows; that is the business of the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prl_hub.types import Evaluation, Prompt


class Candidates:
    """Every prompt that was rewarded or validated in a run.

    Attributes:
        best: the prompt with the highest value on the validation rows; the first of equals.
        best_value: that value; rows without an answer count as wrong.
    """

    def __init__(self, seed_prompt: Prompt):
        self.best, self.best_value = seed_prompt, float("-inf")
        self._rewarded: dict[str, tuple[Prompt, float, int]] = {}  # prompt, sum of rewards, how many
        self._validated: dict[str, tuple[float, int]] = {}  # value, and on how many rows

    def add_reward(self, prompt: Prompt, reward: float) -> None:
        _, total, count = self._rewarded.get(prompt.id, (prompt, 0.0, 0))
        self._rewarded[prompt.id] = (prompt, total + reward, count + 1)

    def add_validation(self, evaluation: Evaluation) -> bool:
        """Whether this is the best prompt now."""
        self._validated[evaluation.prompt.id] = (evaluation.value, evaluation.n)
        if evaluation.floor <= self.best_value:
            return False
        self.best, self.best_value = evaluation.prompt, evaluation.floor
        return True

    def promising(self, n: int) -> list[Prompt]:
        """The `n` prompts with the best mean reward among those not validated yet."""
        new = [entry for entry in self._rewarded.values() if entry[0].id not in self._validated]
        new.sort(key=lambda entry: entry[1] / entry[2], reverse=True)
        return [prompt for prompt, _, _ in new[:n]]

    def validation(self, prompt: Prompt) -> dict[str, Any]:
        """`value` and `n` of a prompt on the validation rows; None and 0 where it was not validated."""
        value, n = self._validated.get(prompt.id, (None, 0))
        return {"value": value, "n": n}

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, as plain JSON."""
        return {
            "best": _as_list(self.best),
            "best_value": self.best_value,
            "validated": self._validated,
            "rewarded": [[*_as_list(prompt), total, count] for prompt, total, count in self._rewarded.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_value = Prompt(*state["best"]), state["best_value"]
        self._validated = {prompt_id: tuple(found) for prompt_id, found in state["validated"].items()}
        entries = [(Prompt(*prompt), total, count) for *prompt, total, count in state["rewarded"]]
        self._rewarded = {entry[0].id: entry for entry in entries}


def _as_list(prompt: Prompt) -> list[str | None]:
    return [prompt.text, prompt.system, prompt.origin]
