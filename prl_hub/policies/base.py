"""The seam that every policy fills: propose prompts, learn from their rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from prl_hub.environment import Environment
from prl_hub.errors import ConfigError
from prl_hub.types import Prompt


@dataclass(frozen=True)
class LoraOptions:
    r: int = 8
    """Rank."""
    alpha: int = 32
    """Scale; the adapter's output is multiplied by alpha / r."""
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ("all-linear",)
    """Which layers get an adapter, as PEFT understands it."""


@dataclass(frozen=True)
class RewriterOptions:
    id: str | None = None
    """Hub id or folder of the LM that writes prompts; null: the task model's own checkpoint, loaded once."""
    revision: str | None = None
    dtype: str = "auto"
    quantization: str | None = None
    """4bit makes the adapter QLoRA."""
    lora: LoraOptions = LoraOptions()
    meta_prompt: str | None = None
    """What the rewriter is asked, with {prompt} for the seed prompt; null: the one of PRewrite's spirit."""
    temperature: float = 1.0
    max_tokens: int = 64
    """Longest rewrite in tokens of the rewriter."""


@dataclass(frozen=True)
class Options:
    """What every policy has; a policy adds its own in a subclass named `Options`."""

    steps: int = 100
    """Rounds of proposing prompts and learning from their rewards."""
    rewriter: RewriterOptions = field(default_factory=RewriterOptions)

    def check(self) -> None:
        """Raises ConfigError where a value makes no sense; a subclass adds its own."""
        rewriter = self.rewriter
        require_positive(
            {
                "steps": self.steps,
                "rewriter.temperature": rewriter.temperature,
                "rewriter.max_tokens": rewriter.max_tokens,
                "rewriter.lora.r": rewriter.lora.r,
                "rewriter.lora.alpha": rewriter.lora.alpha,
            }
        )


def require_positive(options: Mapping[str, float | None]) -> None:
    """Raises ConfigError for an option that is set, and not above 0."""
    for name, value in options.items():
        if value is not None and value <= 0:
            raise ConfigError(f"policy.{name}: expected more than 0, got {value}")


class Policy:
    """A way to find better prompts.

    The common loop is `optimise`: propose, be rewarded, update. A policy whose library brings its own loop (TRL)
    overrides it and calls the same environment from inside.
    """

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any, environment: Environment):
        self.options, self.environment = options, environment
        environment.steps = options.steps

    def prepare(self) -> None:
        """Load and build what proposing needs; called once, before the first step, also when resuming."""

    def propose(self) -> Sequence[Prompt]:
        """The prompts of the next step."""
        raise NotImplementedError

    def update(self, prompts: Sequence[Prompt], rewards: Sequence[float]) -> None:
        """Learn from the rewards of what `propose` gave."""

    def block(self) -> int | None:
        """Which minibatch of training rows the proposals are rewarded on; None: the step's own."""
        return None

    def metrics(self) -> dict[str, Any]:
        """Numbers of this policy for the step's line in metrics.jsonl."""
        return {}

    def spent_tokens(self) -> int:
        """Tokens of the policy's own models in this step."""
        return 0

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, as plain JSON."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""

    def optimise(self, checkpoints: Path) -> None:
        """Run until `options.steps` are done. BudgetReached and StoppedEarly pass through."""
        environment = self.environment
        while environment.step < self.options.steps:
            prompts = self.propose()
            self.update(prompts, environment.reward(prompts, self.block()))
            environment.end_step(self.metrics(), self.spent_tokens())
            environment.run.save_state({"environment": environment.state(), "policy": self.state()})
