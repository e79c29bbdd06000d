"""Any causal LM that transformers can load, run in this process.

Greedy whatever the checkpoint's own generation config says. Prompts go through the model's chat template; a model
without one reads the plain text and answers up to the end of the line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prl_hub.config import TaskModelConfig
from prl_hub.errors import ModelError
from prl_hub.task_models.base import TaskModel
from prl_hub.task_models.decoding import decode, encode, tail_log_probability
from prl_hub.task_models.loading import load_causal_lm, render
from prl_hub.types import Answer, Decoding, Message


class LocalTaskModel(TaskModel):
    """A frozen causal LM in this process.

    Attributes:
        model, tokenizer: the loaded checkpoint. A rewriter of the same checkpoint shares them.
        adapter_off: context manager that makes the model answer as the untrained checkpoint; set by whoever trains
            an adapter on it.
    """

    def __init__(self, model: Any, tokenizer: Any, identity: dict[str, Any], batch_size: int = 64):
        self.model, self.tokenizer, self.identity = model, tokenizer, identity
        self.batch_size = batch_size
        self.context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.gpus = int(model.device.type != "cpu")
        self.adapter_off: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext

    @classmethod
    def from_config(cls, config: TaskModelConfig) -> LocalTaskModel:
        model, tokenizer, identity = load_causal_lm(
            config.id, config.revision, config.dtype, config.quantization, config.device, config.trust_remote_code
        )
        return cls(model, tokenizer, identity, config.batch_size)

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> list[Answer]:
        prompts = [encode(self.tokenizer, self.render(messages)) for messages in conversations]
        answers: dict[int, Answer] = {}
        fitting = []
        for i, ids in enumerate(prompts):
            if self.context is not None and len(ids) + decoding.max_tokens > self.context:
                answers[i] = Answer("", error=f"{len(ids)} tokens do not fit the context of {self.context}")
            else:
                fitting.append(i)
        fitting.sort(key=lambda i: len(prompts[i]), reverse=True)  # equal lengths together: little padding
        with self._frozen():
            done = 0
            while done < len(fitting):
                batch = fitting[done : done + self.batch_size]
                try:
                    fresh = self._batch([prompts[i] for i in batch], decoding)
                except (RuntimeError, MemoryError) as error:
                    self._halve_batch(error)
                    continue
                answers.update(zip(batch, fresh, strict=True))
                done += len(batch)
        return [answers[i] for i in range(len(prompts))]

    def count_tokens(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def length(self, messages: Sequence[Message]) -> int:
        return len(encode(self.tokenizer, self.render(messages)))

    def render(self, messages: Sequence[Message]) -> str:
        return render(self.tokenizer, messages)

    def _batch(self, prompts: list[list[int]], decoding: Decoding) -> list[Answer]:
        if decoding.choices:
            return self._choose(prompts, decoding.choices)
        new = decode(self.model, self.tokenizer, prompts, decoding.max_tokens)
        return [
            Answer(self.tokenizer.decode(ids, skip_special_tokens=True), len(prompt), 0, len(ids))
            for prompt, ids in zip(prompts, new, strict=True)
        ]

    def _choose(self, prompts: list[list[int]], choices: Sequence[str]) -> list[Answer]:
        """Log-probability of every choice after every prompt; the answer is the most probable one."""
        tails = [self.tokenizer(choice, add_special_tokens=False)["input_ids"] for choice in choices]
        if not all(tails):
            raise ModelError(f"the tokenizer has no tokens for the label '{choices[tails.index([])]}'")
        totals = [[0.0] * len(choices) for _ in prompts]
        for c, tail in enumerate(tails):
            for i, total in enumerate(tail_log_probability(self.model, prompts, tail)):
                totals[i][c] = total
        answers = []
        for prompt, logprobs in zip(prompts, totals, strict=True):
            best = max(range(len(choices)), key=logprobs.__getitem__)
            read = sum(len(prompt) + len(tail) for tail in tails)
            answers.append(Answer(choices[best], read, logprobs=dict(zip(choices, logprobs, strict=True))))
        return answers

    def _halve_batch(self, error: Exception) -> None:
        """Where memory ran out; any other error, and a single row that is too much, is a failed run."""
        if self.batch_size <= 1 or not _out_of_memory(error):
            raise error
        self.batch_size //= 2
        if self.gpus:
            import torch

            torch.accelerator.empty_cache()

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[None]:
        """The checkpoint as it was published: no dropout, no gradient, no adapter."""
        import torch

        training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode(), self.adapter_off():
                yield
        finally:
            self.model.train(training)


def _out_of_memory(error: BaseException) -> bool:
    import torch

    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
