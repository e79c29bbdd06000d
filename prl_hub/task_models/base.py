"""The seam that every task model fills: chat messages in, answers with their real token counts out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from prl_hub.config import TaskModelConfig
from prl_hub.types import Answer, Decoding, Message


class TaskModel(ABC):
    """A frozen language model.

    Attributes:
        identity: everything about the model that can change an answer (backend, id, revision, dtype, ...). It is part
            of the cache key and is printed on results.
        context: longest prompt in tokens, or None where it is not known.
        gpus: accelerators that are kept busy.
        shareable: whether other runs may use the answers; not where the identity cannot hold everything.
    """

    identity: Mapping[str, Any]
    context: int | None = None
    gpus: int = 0
    shareable: bool = True

    @classmethod
    @abstractmethod
    def from_config(cls, config: TaskModelConfig) -> TaskModel: ...

    @abstractmethod
    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> list[Answer]:
        """One answer for each conversation, in order.

        An answer that could not be had carries an `error`; what makes all of them impossible raises.
        """

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Tokens of a plain text, without any template."""

    def length(self, messages: Sequence[Message]) -> int:
        """Tokens that the model reads for one conversation."""
        return self.count_tokens(self.render(messages))

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads; where a server applies the template, the messages themselves."""
        return json.dumps(list(messages), ensure_ascii=False)
