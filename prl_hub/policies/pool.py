"""The arms of a bandit: a list, a file, or a template filled with names; the seed prompt is always one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prl_hub.errors import ConfigError
from prl_hub.prompt_files import read_texts
from prl_hub.types import Prompt, fill


def make_pool(source: Any, seed_prompt: Prompt) -> list[Prompt]:
    """Distinct prompts, the seed prompt first.

    Args:
        source: a list of prompts; the path of a .txt, .jsonl or .csv file of prompts; or a mapping
            ``{template: "Answer as {name} would. {prompt}", names: list or file, limit: 50}``, where ``{prompt}`` is
            the seed prompt (put on a line of its own at the end where the template leaves it out).

    Raises:
        ConfigError: nothing to choose from, or a template without ``{name}``.
        DataError: the file cannot be read.
    """
    texts = _from_template(source, seed_prompt) if isinstance(source, Mapping) else _texts(source)
    arms = [seed_prompt, *(Prompt(text, seed_prompt.system, "pool") for text in texts)]
    return list(dict.fromkeys(arms))


def _from_template(source: Mapping[str, Any], seed_prompt: Prompt) -> list[str]:
    template, names = str(source.get("template", "")), source.get("names")
    if "{name}" not in template or not names:
        raise ConfigError("policy.pool: a template needs '{name}' in it, and a list or file of names under 'names'")
    if "{prompt}" not in template:
        template += "\n{prompt}"
    limit = source.get("limit")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ConfigError(f"policy.pool.limit: expected a number of names, got {limit!r}")
    chosen = _texts(names)[:limit]
    return [fill(template, {"name": name, "prompt": seed_prompt.text}) for name in chosen]


def _texts(source: Any) -> list[str]:
    if isinstance(source, str):
        return read_texts(source)
    if not isinstance(source, (list, tuple)) or not source:
        raise ConfigError(f"policy.pool: expected a list, a file or a template with names, got {source!r}")
    for text in source:
        if not isinstance(text, (str, int, float)) or not str(text).strip():
            raise ConfigError(f"policy.pool: expected texts, got {text!r} among them")
    return [str(text).strip() for text in source]
