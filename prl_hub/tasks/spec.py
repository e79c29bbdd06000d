"""What one entry says about a task: where its rows are, which columns hold what, how it is asked and scored.

An entry holds no rows; `load_task` turns it and a `TaskConfig` into a `Task`. A user's own ``module:attr`` may be one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Spec:
    """A short description of a task; everything but the first five fields has a sensible default."""

    inputs: tuple[str, ...]
    """Names of what an example shows to the model."""
    columns: Mapping[str, tuple[str, ...]]
    """For each input, and for "label": the columns that may hold it, the best one first."""
    metric: str
    layout: str
    max_tokens: int
    dataset: str | None = None
    """Hub id; None: the user has to say."""
    config: str | None = None
    splits: Mapping[str, str] = field(default_factory=dict)
    """Which split of `dataset` plays which role; empty: each has its usual name."""
    labels: tuple[str, ...] = ()
    """The permitted labels, in the order of their numbers; empty: free answers (or found in the data: `classes`)."""
    classes: bool = False
    """Whether there must be labels: where none are given, they are found in the data."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of labels that occur in the data, in lower case."""
    reference: Callable[[str], str] = str.strip
    """The final answer inside what the label column holds."""
    expand: Callable[[Row], Sequence[Row]] | None = None
    """One row of `columns` into rows of `inputs` and "label"."""
    group: str | None = None
    """Input whose equal values must stay in one split; None: every example for itself."""
    drop_empty: bool = False
    """Whether rows without a text are known to occur here, and are dropped and counted instead of refused."""
    rows: Callable[[], Mapping[str, Sequence[Row]]] | None = None
    """Rows by split, where they come with the package rather than from a data set."""
