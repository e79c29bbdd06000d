"""The LM that writes prompts: how it is asked, how its text becomes a prompt, and sampling from it untrained.

Training it is the business of the policies that hold one. When rewriter and task model are the same checkpoint it is
loaded once: an adapter trained on it is switched off while the task model answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prl_hub.environment import Environment
from prl_hub.errors import ConfigError
from prl_hub.policies.base import RewriterOptions
from prl_hub.seeds import derive
from prl_hub.task_models.decoding import generate
from prl_hub.task_models.loading import load_causal_lm, render
from prl_hub.task_models.local import LocalTaskModel
from prl_hub.types import Message, Prompt, fill

# In the spirit of PRewrite (arXiv 2401.08189): rephrase, or add requirements, and give the instruction alone.
META_PROMPT = (
    "Rewrite the following instruction via rephrasing and/or adding specific requirements. "
    "Output the new instruction only.\n\nInstruction: {prompt}"
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "`": "`"}
# Samplings in a row without a new prompt after which the rewriter is taken to have no more to say.
_PATIENCE = 5


class Rewriter:
    """A causal LM asked to rewrite the seed prompt."""

    def __init__(self, options: RewriterOptions, model: Any, tokenizer: Any, environment: Environment):
        self.options, self.model, self.tokenizer = options, model, tokenizer
        self.environment = environment
        self.tokens = 0  # read and written so far

    @classmethod
    def load(cls, options: RewriterOptions, environment: Environment) -> Rewriter:
        """The rewriter's checkpoint: the task model's own, shared, where the options name no other.

        Raises:
            ConfigError: there is none to share.
            ModelError: it cannot be loaded.
        """
        task_model, config = environment.evaluator.task_model, environment.config.task_model
        if shares_checkpoint(options, environment):
            return cls(options, task_model.model, task_model.tokenizer, environment)
        if options.id is None:
            raise ConfigError(f"policy.rewriter.id is needed with the task model backend '{config.backend}'")
        model, tokenizer, _ = load_causal_lm(
            options.id, options.revision, options.dtype, options.quantization, config.device, config.trust_remote_code
        )
        return cls(options, model, tokenizer, environment)

    @property
    def messages(self) -> list[Message]:
        """The one constant input: the meta prompt around the seed prompt."""
        meta_prompt = self.options.meta_prompt or META_PROMPT
        return [{"role": "user", "content": fill(meta_prompt, {"prompt": self.environment.seed_prompt.text})}]

    @property
    def rendered(self) -> str:
        return render(self.tokenizer, self.messages)

    def prompt(self, completion: str, origin: str) -> Prompt:
        """The prompt in a completion: white space and quotation marks around it are dropped.

        A base model goes on talking after its answer, so there only the first line counts.
        """
        text = completion.strip()
        if not self.tokenizer.chat_template:
            text = text.split("\n")[0].strip()
        if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
            text = text[1:-1].strip()
        return Prompt(text, self.environment.seed_prompt.system, origin)

    def sample(self, n: int, *purpose: str | int) -> list[Prompt]:
        """`n` samples of the model as it is; the same `purpose` gives the same ones."""
        completions, tokens = generate(
            self.model,
            self.tokenizer,
            [self.rendered] * n,
            max_tokens=self.options.max_tokens,
            temperature=self.options.temperature,
            seed=derive(self.environment.config.seed, "rewriter", *purpose),
        )
        self.tokens += tokens
        return [self.prompt(completion, "rewriter") for completion in completions]

    def distinct(self, n: int, purpose: str) -> Sequence[Prompt]:
        """Up to `n` different prompts, none of them the seed prompt or empty."""
        found: dict[Prompt, None] = {}
        fruitless, batch = 0, 0
        while len(found) < n and fruitless < _PATIENCE:
            before = len(found)
            fresh = self.sample(n, purpose, batch)
            found.update(dict.fromkeys(p for p in fresh if p.text and p != self.environment.seed_prompt))
            fruitless = 0 if len(found) > before else fruitless + 1
            batch += 1
        return list(found)[:n]


def shares_checkpoint(options: RewriterOptions, environment: Environment) -> bool:
    """Whether the rewriter is the very checkpoint that the task model has loaded."""
    config = environment.config.task_model
    if not isinstance(environment.evaluator.task_model, LocalTaskModel):
        return False
    same = options.id in (None, config.id) and options.revision in (None, config.revision)
    return same and options.quantization in (None, config.quantization) and options.dtype in ("auto", config.dtype)
