"""Bandits over a fixed pool of prompts: UCB1 and Thompson sampling.

UCB1: P. Auer, N. Cesa-Bianchi, P. Fischer, Finite-time analysis of the multiarmed bandit problem, Machine Learning
2002. Thompson sampling: S. Agrawal, N. Goyal, Analysis of Thompson sampling, COLT 2012. Prompts as arms: TRIPLE,
arXiv 2402.09723. Departures:

1. A pull shows the arm a minibatch of rows instead of one, and counts as that many observations.
2. The k-th pull of every arm shows the same rows (common random numbers), so that arms are never told apart by the
   luck of their questions.
3. Rewards are divided by the sum of their weights, and cut to the range from 0 to 1.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prl_hub.errors import ConfigError
from prl_hub.policies import base
from prl_hub.policies.pool import make_pool
from prl_hub.seeds import derive
from prl_hub.types import Prompt

# Draws from the posterior behind the probability that an arm is the best one.
_DRAWS = 2000


@dataclass(frozen=True)
class BanditOptions(base.Options):
    pool: Any = None
    """What to choose from: a list, a file, or a template with names; null: untrained rewrites of the seed prompt."""
    pool_size: int = 16
    """How many arms to fill the pool with where it is null, the seed prompt included."""
    exploration: float = 2.0
    """UCB's constant: the bonus is sqrt(exploration * ln(all observations) / observations of the arm)."""

    def check(self) -> None:
        super().check()
        base.require_positive({"pool_size": self.pool_size, "exploration": self.exploration})


class Bandit(base.Policy):
    """What the bandits share: the arms and what was observed of each."""

    Options = BanditOptions

    def prepare(self) -> None:
        self._unbooked = 0  # tokens of the rewriter that filled the pool
        pool, seed_prompt = self.options.pool, self.environment.seed_prompt
        self.arms = self._fill() if pool is None else make_pool(pool, seed_prompt)
        if self.options.steps < len(self.arms):
            raise ConfigError(
                f"policy.steps={self.options.steps} is fewer than the {len(self.arms)} prompts of the pool: each is "
                "tried once before any is preferred"
            )
        self.pulls = np.zeros(len(self.arms), dtype=int)
        self.observations = np.zeros(len(self.arms))
        self.sums = np.zeros(len(self.arms))
        self._chosen = 0

    @abstractmethod
    def choose(self) -> int:
        """The arm to pull next, once every arm was pulled."""

    def propose(self) -> Sequence[Prompt]:
        unpulled = np.flatnonzero(self.pulls == 0)
        self._chosen = int(unpulled[0]) if len(unpulled) else self.choose()
        return [self.arms[self._chosen]]

    def block(self) -> int:
        return int(self.pulls[self._chosen])

    def update(self, prompts: Sequence[Prompt], rewards: Sequence[float]) -> None:
        rows = len(self.environment.rows(self.block()))
        self.pulls[self._chosen] += 1
        self.observations[self._chosen] += rows
        share = rewards[0] / self._highest_reward
        self.sums[self._chosen] += rows * min(max(share, 0.0), 1.0)

    @property
    def _highest_reward(self) -> float:
        """What a perfect prompt gets: rewards are between 0 and 1, times their weights."""
        return sum(weight for weight in self.environment.config.reward.values() if weight > 0) or 1.0

    def spent_tokens(self) -> int:
        spent, self._unbooked = self._unbooked, 0
        return spent

    def metrics(self) -> dict[str, Any]:
        """`arm_probability`: how probable it is, after what was seen, that each arm is the best."""
        best = self._posterior(_DRAWS, "report").argmax(axis=1)
        shares = np.bincount(best, minlength=len(self.arms)) / _DRAWS
        return {"arm_probability": {arm.id: float(share) for arm, share in zip(self.arms, shares, strict=True)}}

    def state(self) -> dict[str, Any]:
        kept = {"pulls": self.pulls, "observations": self.observations, "sums": self.sums}
        arms = [[arm.text, arm.system, arm.origin] for arm in self.arms]
        return {"arms": arms, **{name: array.tolist() for name, array in kept.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.arms = [Prompt(*arm) for arm in state["arms"]]
        self.pulls = np.array(state["pulls"], dtype=int)
        self.observations, self.sums = np.array(state["observations"]), np.array(state["sums"])

    def _posterior(self, draws: int, purpose: str) -> np.ndarray:
        """Samples of each arm's mean reward, shape (draws, arms), from Beta posteriors with a uniform prior."""
        random = np.random.default_rng(derive(self.environment.config.seed, purpose, self.environment.step))
        return random.beta(1 + self.sums, 1 + self.observations - self.sums, size=(draws, len(self.arms)))

    def _fill(self) -> list[Prompt]:
        from prl_hub.policies.rewriter import Rewriter

        seed_prompt = self.environment.seed_prompt
        rewriter = Rewriter.load(self.options.rewriter, self.environment)
        arms = [seed_prompt, *rewriter.distinct(self.options.pool_size - 1, "pool")]
        self._unbooked = rewriter.tokens
        return arms


class Ucb(Bandit):
    """UCB1: pull the arm with the highest optimistic estimate."""

    def choose(self) -> int:
        bonus = np.sqrt(self.options.exploration * math.log(self.observations.sum()) / self.observations)
        return int(np.argmax(self.sums / self.observations + bonus))


class Thompson(Bandit):
    """Thompson sampling: pull each arm as often as it is believed to be the best."""

    def choose(self) -> int:
        return int(np.argmax(self._posterior(1, "choose")[0]))
