"""What can go wrong, sorted by who can mend it.

`UserError` and its kinds are mistakes in what was asked: the command line prints their one line and exits with
status 2, and nothing has been written. Everything else is a failed run and raises. A failed *example* is no
exception at all: it is recorded on its row (`Answer.error`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class PrlError(Exception):
    """Base of every exception that prl_hub raises on purpose."""


class UserError(PrlError):
    """Something that the user asked for is wrong; the message says what, and what to do."""


class ConfigError(UserError):
    """The config, or an override of it, cannot be used."""


class DataError(UserError):
    """The data set cannot be found, or does not hold what the task needs."""


class ModelError(UserError):
    """The model cannot be found, or cannot do what it is asked to."""


class RunError(UserError):
    """The run folder is not one, belongs to another run, or is unfinished."""


class MissingExtra(UserError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str):
        super().__init__(f"{package} is needed for this: pip install 'prl-hub[{extra}]'")


class Interrupted(KeyboardInterrupt):
    """A run was interrupted by hand. Its folder is usable, and the run can be resumed.

    Attributes:
        path: the run folder.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path


class BudgetReached(PrlError):
    """A limit of the budget is spent. `train` catches it and ends the run in good order."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them where none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}"
