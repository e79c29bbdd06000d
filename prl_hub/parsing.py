"""From plain values (YAML, JSON, the command line) to typed dataclasses, with every mistake told in one line.

Knows nothing about what is configured; `config` and the options of the policies are declared with plain annotations,
and read here.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

import yaml

from prl_hub.errors import ConfigError, did_you_mean


class _Loader(yaml.SafeLoader):
    """YAML as people read it: "off", "no" and "yes" are words, so are dates, and 1e-3 is a number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), "tTfF")
_FLOAT = re.compile(r"^[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|\.(inf|Inf|INF)|\.(nan|NaN|NAN))$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, "-+0123456789.")


def parse_yaml(text: str) -> Any:
    """A whole document; raises yaml.YAMLError."""
    return yaml.load(text, _Loader)  # noqa: S506, a SafeLoader


def parse_value(text: str) -> Any:
    """A value from the command line: numbers, true, false, null, quoted texts, [lists] and {mappings} are YAML;
    anything else is the text itself, so that a prompt may hold colons and hash signs.

    Raises:
        ConfigError: a list that is none.
    """
    text = text.strip()
    try:
        value = parse_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        if text.startswith("["):
            raise ConfigError(f"'{text}' is no list: put its texts in quotes, as in ['one', 'two']") from None
        return text
    plain = value is None or isinstance(value, (bool, int, float))
    return value if plain or text[:1] in ("[", "{", '"', "'") else text


def parse(kind: Any, value: Any, path: str = "") -> Any:
    """Turn plain values into what the annotation `kind` says: dataclasses, tuples, dicts, unions, numbers, texts.

    Raises:
        ConfigError: an unknown key, or a value of the wrong type; the message names the full path.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _parse_dataclass(kind, value, path)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else parse(next(a for a in arguments if a is not types.NoneType), value, path)
    if origin is tuple:
        items = value if isinstance(value, (list, tuple)) else [value]
        return tuple(parse(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(items))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path}: expected a mapping, got {value!r}")
        return {str(key): parse(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    return _parse_plain(kind, value, path)


def _parse_dataclass(kind: Any, value: Any, path: str) -> Any:
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path or 'config'}: expected a mapping, got {value!r}")
    hints = typing.get_type_hints(kind)
    known = {f.name: hints[f.name] for f in dataclasses.fields(kind)}
    for key in value:
        if key not in known:
            raise ConfigError(f"unknown key '{f'{path}.{key}' if path else key}': {did_you_mean(str(key), known)}")
    parsed = {key: parse(known[key], item, f"{path}.{key}" if path else key) for key, item in value.items()}
    return kind(**parsed)


def _parse_plain(kind: Any, value: Any, path: str) -> Any:
    if kind is Any or (isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)):
        return value
    try:
        if kind is float and not isinstance(value, bool):
            return float(value)
        if kind is int and not isinstance(value, bool) and float(value).is_integer():
            return int(float(value))
    except (TypeError, ValueError):
        pass
    if kind is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"{path}: expected {getattr(kind, '__name__', kind)}, got {value!r}")
