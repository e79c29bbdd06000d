"""What a policy acts in: propose prompts, be told their rewards, have the promising ones selected on validation rows.

Knows the run's rows, reward, budget and records; does not know which policy is at work. Rewards come from training
rows only, selection from validation rows only; of the test split only the price of its rows is known here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from prl_hub.candidates import Candidates
from prl_hub.config import Config
from prl_hub.errors import ConfigError
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.ledger import Ledger, Spending
from prl_hub.progress import Progress
from prl_hub.rewards import Reward
from prl_hub.run import Run
from prl_hub.seeds import stream
from prl_hub.types import Evaluation, Example, Prompt, placeholders


class StoppedEarly(Exception):
    """The policy has nothing more to learn; `train` ends the run in good order."""


class Environment:
    """One run's rewards and selection.

    Attributes:
        seed_prompt: where the search starts.
        candidates: the prompts seen so far, the best one among them.
        step: finished steps.
        steps: how many the policy means to take.
    """

    def __init__(self, config: Config, evaluator: Evaluator, reward: Reward):
        self.config, self.evaluator, self.task = config, evaluator, evaluator.task
        self.reward_function = reward
        self.seed_prompt = Prompt(config.prompt.seed, config.prompt.system, "seed")
        self.step, self.steps = 0, 1
        self.candidates = Candidates(self.seed_prompt)
        self._this_step: list[tuple[str, float]] = []
        self._required = placeholders(self.seed_prompt.text) & set(self.task.inputs)
        self._fruitless = 0

    @property
    def best(self) -> Prompt:
        """The prompt to end with if the run ended now."""
        return self.candidates.best

    @property
    def ledger(self) -> Ledger:
        return self.evaluator.ledger

    def start(self, run: Run, progress: Progress) -> None:
        """Begin to write: from here on every reward is recorded in `run`. Scores the seed prompt on the validation
        rows, unless a resumed run has done so."""
        self.run, self.progress = run, progress
        self._mark_time()
        if self.candidates.validation(self.seed_prompt)["value"] is None:
            self._validate(self.seed_prompt)
        self._measure_answers()
        self._set_aside()

    def _measure_answers(self) -> None:
        """How long answers are, from those to the seed prompt, which are paid for."""
        (seed,) = self.evaluator.evaluate([self.seed_prompt], self.task.validation, "validation", "seed")
        lengths = [self.evaluator.task_model.count_tokens(row.answer) for row in seed.rows]
        self.evaluator.typical_answer = 1 + sum(lengths) / max(1, len(lengths))

    def _set_aside(self) -> None:
        """Keep back what the final test of the seed prompt and the best one will take, at most half of the budget."""
        budget = self.config.budget
        if budget.task_tokens is None and budget.seconds is None and budget.usd is None:
            return
        prompts = list({prompt.id: prompt for prompt in (self.seed_prompt, self.best)}.values())
        tokens = 1.1 * self.evaluator.tokens(prompts, self.task.test, self.evaluator.typical_answer)
        seconds = tokens * self.ledger.seconds_per_token
        half_of_tokens = (budget.task_tokens or 0) / 2
        self.ledger.release()
        self.ledger.reserve(int(min(tokens, half_of_tokens)), min(seconds, max(self.ledger.seconds_left, 0) / 2))

    def rows(self, block: int) -> list[Example]:
        """The `block`-th minibatch of training rows: the same rows for everybody who asks for that block."""
        size, rows = self.config.evaluation.minibatch, self.task.train
        per_epoch = max(1, len(rows) // size)
        epoch, place = divmod(block, per_epoch)
        order = list(range(len(rows)))
        stream(self.config.seed, "minibatch", epoch).shuffle(order)
        return [rows[i] for i in order[place * size : (place + 1) * size]]

    def reward(self, prompts: Sequence[Prompt], block: int | None = None) -> list[float]:
        """One reward a prompt, all on the same training rows (those of the step, unless a block is named).

        A prompt that cannot be used (empty, too long, lost a placeholder) is not scored and gets the lowest reward.

        Raises:
            BudgetReached: scoring these does not fit the budget.
        """
        flaws = {prompt.id: self._flaw(prompt) for prompt in prompts}
        sound = [prompt for prompt in dict.fromkeys(prompts) if flaws[prompt.id] is None]
        rows = self.rows(self.step if block is None else block)
        evaluations = {
            evaluation.prompt.id: evaluation
            for evaluation in self.evaluator.evaluate(sound, rows, "train", "reward", self.step + 1)
        }
        rewards = {}
        for prompt_id, evaluation in evaluations.items():
            rewards[prompt_id], parts = self.reward_function(evaluation, self.task)
            self.candidates.add_reward(evaluation.prompt, rewards[prompt_id])
            self._log(evaluation, reward=rewards[prompt_id], parts=parts)
        lowest = min([0.0, *rewards.values()])
        for prompt in dict.fromkeys(prompts):
            if prompt.id not in rewards:
                rewards[prompt.id] = lowest
                self._log(Evaluation(prompt, "train", ()), reward=lowest, flaw=flaws[prompt.id])
        self._this_step += [(prompt.id, rewards[prompt.id]) for prompt in prompts]
        return [rewards[prompt.id] for prompt in prompts]

    def end_step(self, metrics: Mapping[str, Any] | None = None, policy_tokens: int = 0) -> None:
        """Close a step: book the policy's spending, select if it is time to, write one line of metrics.

        Raises:
            BudgetReached: the selection does not fit the budget.
            StoppedEarly: `selection.patience` selections in a row found nothing better.
        """
        self.step += 1
        self._book_policy(policy_tokens)
        try:
            if self.step % self.selection_every == 0:
                self.select()
        finally:  # the step happened, whether or not the budget covers its selection
            self._log_step(metrics or {})
        patience = self.config.selection.patience
        if patience and self._fruitless >= patience:
            raise StoppedEarly(f"{patience} selections in a row found no better prompt")

    def _log_step(self, metrics: Mapping[str, Any]) -> None:
        rewards = [reward for _, reward in self._this_step]
        record = {
            "step": self.step,
            "reward_mean": sum(rewards) / len(rewards) if rewards else None,
            "reward_max": max(rewards, default=None),
            "distinct": len({prompt_id for prompt_id, _ in self._this_step}),
            "best_value": self.candidates.best_value,
            "best_id": self.best.id,
            "task_tokens": self.ledger.totals["task_model"].tokens,
            "seconds": self.ledger.elapsed,
            "usd": self.ledger.usd,
            **metrics,
        }
        self.run.log_metrics(record)
        self.progress.step(record)
        self._this_step = []

    def select(self) -> None:
        """Score on the validation rows the prompts with the best training reward that were not scored there yet."""
        before = self.best
        for prompt in self.candidates.promising(self.config.selection.candidates):
            self._validate(prompt)  # one by one: a budget that ends in between has paid for whole ones
        self._fruitless = 0 if self.best is not before else self._fruitless + 1

    @property
    def selection_every(self) -> int:
        return self.config.selection.every or max(1, self.steps // 10)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, as plain JSON."""
        return {"step": self.step, "fruitless": self._fruitless, "candidates": self.candidates.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.step, self._fruitless = state["step"], state["fruitless"]
        self.candidates.restore(state["candidates"])

    def _validate(self, prompt: Prompt) -> None:
        purpose = "selection" if self.step else "seed"
        (evaluation,) = self.evaluator.evaluate([prompt], self.task.validation, "validation", purpose, self.step)
        self._log(evaluation, step=self.step)
        if self.candidates.add_validation(evaluation):
            self._set_aside()

    def _flaw(self, prompt: Prompt) -> str | None:
        if not prompt.text.strip():
            return "empty"
        if lost := self._required - placeholders(prompt.text):
            return f"lost the placeholder {{{sorted(lost)[0]}}}"
        if self.evaluator.task_model.count_tokens(prompt.text) > self.config.prompt.max_tokens:
            return f"longer than prompt.max_tokens={self.config.prompt.max_tokens}"
        return None

    def _log(self, evaluation: Evaluation, step: int | None = None, **fields: Any) -> None:
        prompt = evaluation.prompt
        record = {
            "id": prompt.id,
            "text": prompt.text,
            "system": prompt.system,
            "origin": prompt.origin,
            "split": evaluation.split,
            "step": self.step + 1 if step is None else step,
            "value": evaluation.value if evaluation.n else None,
            "n": evaluation.n,
        }
        self.run.log_prompt(record | {"reward": None, "parts": {}, "flaw": None} | fields)

    def _book_policy(self, tokens: int) -> None:
        """The policy's seconds are those of the step that the task model did not take."""
        passed = time.monotonic() - self._since
        seconds = passed - (self.ledger.totals["task_model"].seconds - self._task_seconds_since)
        spent = Spending(tokens_generated=tokens, seconds=max(seconds, 0.0))
        self.ledger.record("policy", "proposals", self.step, spent)
        self._mark_time()

    def _mark_time(self) -> None:
        self._since, self._task_seconds_since = time.monotonic(), self.ledger.totals["task_model"].seconds


def check_environment(config: Config, evaluator: Evaluator) -> None:
    """Mistakes that only show once task and model are there, found before anything is written or paid for.

    Raises:
        ConfigError: the seed prompt does not fit the context, or the budget not even one evaluation.
    """
    seed, task, model = Prompt(config.prompt.seed, config.prompt.system), evaluator.task, evaluator.task_model
    length = model.count_tokens(model.render(task.template(seed)))
    if model.context is not None and length + task.max_tokens > model.context:
        raise ConfigError(
            f"prompt.seed: {length} tokens and an answer of {task.max_tokens} do not fit the model's context of "
            f"{model.context}: shorten the prompt"
        )
    if not config.prompt.seed.strip():
        raise ConfigError("prompt.seed is empty: give the prompt to start from")
    if (own := model.count_tokens(config.prompt.seed)) > config.prompt.max_tokens:
        raise ConfigError(f"prompt.seed has {own} tokens, more than prompt.max_tokens={config.prompt.max_tokens}")
    if config.budget.task_tokens is not None:
        least = evaluator.tokens([seed], task.validation)
        if config.budget.task_tokens < least:
            raise ConfigError(
                f"budget.task_tokens={config.budget.task_tokens:,} does not cover one evaluation of the seed prompt on"
                f" the {len(task.validation)} validation rows (up to {least:,} tokens): raise it, or lower "
                "task.validation"
            )
