"""A scripted task model for tests and for trying out policies: no weights, exact costs.

Public on purpose: whoever writes a policy or a reward tests it with this class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prl_hub.config import TaskModelConfig
from prl_hub.errors import ConfigError
from prl_hub.resolve import resolve
from prl_hub.task_models.base import TaskModel
from prl_hub.types import Answer, Decoding, Message

Script = Callable[[Sequence[Message]], str]


def echo(messages: Sequence[Message]) -> str:
    return messages[-1]["content"]


class FakeTaskModel(TaskModel):
    """Answers with `script(messages)`. One word is one token. An exception in the script is a failed answer.

    Its answers are not shared between runs, because a script may change under its name.
    In a config: ``task_model: {backend: fake, options: {script: "my_module:my_function"}}``.
    """

    shareable = False

    def __init__(self, script: Script = echo, context: int | None = None, **identity: Any):
        self.script, self.context = script, context
        name = f"{script.__module__}:{script.__qualname__}"
        self.identity = {"backend": "fake", "id": name, "revision": None, "dtype": None, **identity}
        self.asked: list[list[Message]] = []

    @classmethod
    def from_config(cls, config: TaskModelConfig) -> FakeTaskModel:
        options = dict(config.options or {})
        script = resolve(options.pop("script", "prl_hub.task_models.fake:echo"), {}, "script")
        if not callable(script):
            raise ConfigError(f"task_model.options.script: expected a function, got {script!r}")
        context = options.pop("context", None)
        if context is not None and not isinstance(context, int):
            raise ConfigError(f"task_model.options.context: expected int, got {context!r}")
        return cls(script, context, **options)

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> list[Answer]:
        self.asked.extend(list(messages) for messages in conversations)
        return [self._one(messages) for messages in conversations]

    def _one(self, messages: Sequence[Message]) -> Answer:
        read = sum(self.count_tokens(message["content"]) for message in messages)
        try:
            text = self.script(messages)
        except (ValueError, LookupError, ArithmeticError) as error:
            return Answer("", read, error=f"{type(error).__name__}: {error}")
        if not isinstance(text, str):
            return Answer("", read, error=f"the script answered {text!r}, which is no text")
        return Answer(text, tokens_computed=read, tokens_generated=self.count_tokens(text))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(f"<{message['role']}>{message['content']}" for message in messages)
