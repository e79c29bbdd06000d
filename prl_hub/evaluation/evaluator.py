"""Prompts × examples → evaluations. Every policy, TRL's trainer included, gets its scores through this one object.

It owns the caches and the ledger: equal prompts are asked once, an answer is charged once, and nothing is asked that
the budget does not cover. What a reward is, it does not know.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from prl_hub.config import BudgetConfig
from prl_hub.errors import ConfigError
from prl_hub.evaluation.answers import AnswerStore, answer_key
from prl_hub.ledger import Ledger, Spending
from prl_hub.task_models.base import TaskModel
from prl_hub.tasks.base import Task
from prl_hub.types import Answer, Decoding, Evaluation, Example, Message, Prompt, Row

# Answers are kept after every so many requests, which bounds what an interruption can lose.
CHUNK = 256
# The first chunk under a limit in time, while the pace of the model is not known.
_FIRST_CHUNK = 16


class Evaluator:
    """Scores prompts on examples.

    Args:
        task: how examples are put to the model and how answers are scored.
        task_model: who answers.
        answer: "generate", or "label" for the most probable of the task's labels.
        shared: answers that other runs may have left; None: no sharing.

    Attributes:
        ledger: what is charged; without `keep_in` it has no limits and ends with the process.
        paid: answers that were charged for already.
        typical_answer: tokens of an answer that is not known yet; only guesses whether a budget will suffice.
    """

    def __init__(
        self,
        task: Task,
        task_model: TaskModel,
        answer: str = "generate",
        shared: AnswerStore | None = None,
    ):
        self.task, self.task_model = task, task_model
        self.shared = shared if task_model.shareable else None
        self.decoding = decoding_for(task, answer)
        self._choice_tokens = sum(map(task_model.count_tokens, self.decoding.choices))
        self.ledger, self.paid = Ledger(), AnswerStore()
        self.typical_answer: float = self.decoding.max_tokens

    def keep_in(self, folder: Path, budget: BudgetConfig) -> None:
        """From now on, charge this run folder: its ledger, its answers, its budget."""
        self.ledger = Ledger(budget, folder / "ledger.jsonl", self.task_model.gpus)
        self.paid = AnswerStore(folder / "answers.sqlite")
        # Answers that were bought just before a process was killed are in the store, but not on the bill yet.
        if (missing := self.paid.tokens() - self.ledger.totals["task_model"].tokens) > 0:
            self.ledger.record("task_model", "recovered", 0, Spending(tokens_computed=missing))

    def evaluate(
        self,
        prompts: Sequence[Prompt],
        examples: Sequence[Example],
        split: str = "train",
        purpose: str = "evaluation",
        step: int = 0,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[Evaluation]:
        """One evaluation a prompt, in order; duplicates among the prompts share theirs.

        Args:
            on_progress: is told how many of the requests of this call were answered since it was last told.

        Raises:
            BudgetReached: the missing answers will probably not fit the budget, and nothing was asked; or they were
                longer than expected, and those that were paid for are kept.
        """
        distinct = {prompt.id: prompt for prompt in prompts}
        conversations = {
            (prompt.id, i): self.task.messages(prompt, example)
            for prompt in distinct.values()
            for i, example in enumerate(examples)
        }
        answers = self._answers(list(conversations.values()), purpose, step, on_progress)
        by_cell = dict(zip(conversations, answers, strict=True))
        evaluations = {
            prompt_id: Evaluation(
                prompt,
                split,
                tuple(
                    self._row(example, conversations[prompt_id, i], by_cell[prompt_id, i])
                    for i, example in enumerate(examples)
                ),
            )
            for prompt_id, prompt in distinct.items()
        }
        return [evaluations[prompt.id] for prompt in prompts]

    def tokens(self, prompts: Sequence[Prompt], examples: Sequence[Example], answer: float | None = None) -> float:
        """What these cost with answers of `answer` tokens each; None: the longest possible, so never more."""
        conversations = [self.task.messages(prompt, example) for prompt in prompts for example in examples]
        return sum(self._price(messages, answer) for messages in conversations)

    def _price(self, messages: Sequence[Message], answer: float | None = None) -> float:
        read, choices = self.task_model.length(messages), self.decoding.choices
        if choices:
            return read * len(choices) + self._choice_tokens
        return read + (self.decoding.max_tokens if answer is None else answer)

    def _row(self, example: Example, messages: Sequence[Message], answer: Answer) -> Row:
        score = None if answer.error else self.task.score(answer.text, example)
        return Row(example.id, messages, answer.text, example.label, score, answer.error)

    def _answers(
        self, conversations: list[list[Message]], purpose: str, step: int, on_progress: Callable[[int], None] | None
    ) -> list[Answer]:
        """Paid answers first, then shared ones, then the model, chunk by chunk."""
        keys = [self._key(messages) for messages in conversations]
        known = self.paid.get(list(dict.fromkeys(keys)))
        missing = {key: messages for key, messages in zip(keys, conversations, strict=True) if key not in known}
        if self.limited:  # not worth beginning what will probably not be finished
            self.ledger.require(sum(self._price(messages, self.typical_answer) for messages in missing.values()))
        tell = on_progress or (lambda count: None)
        tell(sum(key in known for key in keys))
        while missing:
            self.ledger.require()
            part = {key: missing.pop(key) for key in self._affordable(missing)}
            known.update(self._buy(part, purpose, step))
            tell(sum(key in part for key in keys))
        return [known[key] for key in keys]

    @property
    def limited(self) -> bool:
        """Whether there is a budget that bounds what is asked."""
        return self.ledger.tokens_left < float("inf")

    def _affordable(self, missing: dict[str, list[Message]]) -> list[str]:
        """The next requests, at most a chunk, whose longest possible answers fit the budget."""
        keys = list(missing)[:CHUNK]
        if self.ledger.seconds_left < float("inf") and not self.ledger.seconds_per_token:
            keys = keys[:_FIRST_CHUNK]
        if self.limited:
            left, prices = self.ledger.tokens_left, [self._price(missing[key]) for key in keys]
            fitting = sum(total <= left for total in itertools.accumulate(prices))
            self.ledger.require(0 if fitting else prices[0])
            keys = keys[:fitting]
        return keys

    def _buy(self, part: dict[str, list[Message]], purpose: str, step: int) -> dict[str, Answer]:
        started = time.monotonic()
        found = self.shared.get(list(part)) if self.shared else {}
        reused = {key: _as_reused(answer) for key, answer in found.items()}
        asked = [key for key in part if key not in reused]
        fresh = self.task_model.answer([part[key] for key in asked], self.decoding) if asked else []
        bought = reused | dict(zip(asked, fresh, strict=True))
        if self.shared:
            self.shared.put(zip(asked, fresh, strict=True))
        self.paid.put(bought.items())
        spent = sum((_spending(answer) for answer in bought.values()), Spending(calls=len(asked)))
        self.ledger.record("task_model", purpose, step, replace(spent, seconds=time.monotonic() - started))
        return bought

    def _key(self, messages: Sequence[Message]) -> str:
        return answer_key(
            model=self.task_model.identity, decoding=self.decoding, rendered=self.task_model.render(messages)
        )


def decoding_for(task: Task, answer: str) -> Decoding:
    """Greedy, as long as the task's answers need.

    Raises:
        ConfigError: unknown mode, or "label" for a task without labels.
    """
    if answer == "generate":
        return Decoding(task.max_tokens)
    if answer != "label":
        raise ConfigError(f"evaluation.answer: expected generate or label, got '{answer}'")
    if not task.labels:
        raise ConfigError(f"evaluation.answer=label needs a task with labels; '{task.name}' has free answers")
    return Decoding(task.max_tokens, choices=task.labels)


def _as_reused(answer: Answer) -> Answer:
    """The same answer, its whole price moved to what a cache gave."""
    tokens = answer.tokens_computed + answer.tokens_reused + answer.tokens_generated
    return replace(answer, tokens_computed=0, tokens_reused=tokens, tokens_generated=0)


def _spending(answer: Answer) -> Spending:
    return Spending(0, answer.tokens_computed, answer.tokens_reused, answer.tokens_generated)
