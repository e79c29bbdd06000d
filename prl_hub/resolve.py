"""From a name in a config to the object it means.

Each family (tasks, task models, policies, rewards) has one visible dict from short name to ``"module:attr"``.
Nothing is imported before it is asked for, and a user's own ``"module:attr"`` always works.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from prl_hub.errors import ConfigError, did_you_mean

_FORM = re.compile(r"^\w+(\.\w+)*:\w+$")


def resolve(name: str, known: Mapping[str, str], family: str) -> Any:
    """The object behind a short name of `known`, or behind the user's own ``module:attr``.

    Raises:
        ConfigError: the name is neither, or what it points to cannot be imported.
    """
    target = known.get(name, name) if isinstance(name, str) else ""
    module_name, _, attribute = target.partition(":")
    if not _FORM.match(target):
        raise ConfigError(f"{family} '{name}' is not known: {did_you_mean(name, known)} (or give module:attr)")
    try:
        module = _import(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise ConfigError(f"{family} '{name}': there is no module '{module_name}' to import") from None
    except SyntaxError as error:
        raise ConfigError(f"{family} '{name}': {module_name} line {error.lineno} is no Python: {error.msg}") from None
    if not hasattr(module, attribute):
        raise ConfigError(f"{family} '{name}': module '{module_name}' has no '{attribute}'")
    return getattr(module, attribute)


def _import(module_name: str) -> Any:
    """Import like a script would: a module that lies in the current folder is found too."""
    here = os.getcwd()
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        return importlib.import_module(module_name)
    finally:
        if added:
            sys.path.remove(here)
