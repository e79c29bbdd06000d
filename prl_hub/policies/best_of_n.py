"""Best of N: sample the untrained rewriter, keep what scores best. The first control of every method that trains one.

It gets the same rewriter, reward, selection and budget as `grpo`, and no learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prl_hub.policies import base
from prl_hub.policies.rewriter import Rewriter
from prl_hub.types import Prompt


@dataclass(frozen=True)
class BestOfNOptions(base.Options):
    group: int = 8
    """Samples a step; those seen before are not paid for again, so N is at most steps * group."""

    def check(self) -> None:
        super().check()
        base.require_positive({"group": self.group})


class BestOfN(base.Policy):
    Options = BestOfNOptions

    def prepare(self) -> None:
        self.rewriter = Rewriter.load(self.options.rewriter, self.environment)
        self._seen: set[str] = set()
        self._booked = 0

    def propose(self) -> Sequence[Prompt]:
        sampled = self.rewriter.sample(self.options.group, "best_of_n", self.environment.step)
        new = [prompt for prompt in dict.fromkeys(sampled) if prompt.id not in self._seen]
        self._seen.update(prompt.id for prompt in new)
        return new

    def spent_tokens(self) -> int:
        spent, self._booked = self.rewriter.tokens - self._booked, self.rewriter.tokens
        return spent

    def state(self) -> dict:
        return {"seen": sorted(self._seen)}

    def restore(self, state) -> None:
        self._seen = set(state["seen"])
