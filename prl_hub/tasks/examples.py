"""From rows to examples: find the columns, read the label, refuse what cannot be used with a line that says why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prl_hub.errors import ConfigError, DataError, did_you_mean
from prl_hub.tasks.data import Source
from prl_hub.tasks.spec import Row, Spec
from prl_hub.types import Example

LABEL = "label"
_GENERIC = {
    "text": ("text", "sentence", "content", "review", "question", "input", "document"),
    "question": ("question", "problem", "query", "input", "text"),
    LABEL: ("label", "answer", "output", "target", "references"),
}
_MOST_CLASSES = 100
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_PLACE = re.compile(r"(\d{1,9})(\.0+)?")  # "1.0": what tables write where a column of whole numbers had gaps


def find_columns(spec: Spec, given: Mapping[str, str] | None, rows: Sequence[Row], where: str) -> dict[str, str]:
    """The column of each role: the one that the user names, else the entry's own, else a usual name."""
    given = given or {}
    for role in given:
        if role not in spec.columns:
            raise ConfigError(f"task.columns: unknown key '{role}': {did_you_mean(role, spec.columns)}")
    there = list(dict.fromkeys(name for row in rows[:100] for name in row))
    columns = {}
    for role, own in spec.columns.items():
        candidates = (given[role],) if role in given else (*own, *_GENERIC.get(role, ()))
        found = next((name for name in candidates if name in there), None)
        if found is None:
            raise DataError(
                f"{where} has no column '{candidates[0]}'; there are: {', '.join(there)}. "
                f"Say which one holds the {role}: task.columns='{{{role}: {there[0] if there else '...'}}}'"
            )
        columns[role] = found
    return columns


@dataclass(frozen=True)
class Labels:
    """The permitted labels, and the ways in which a data set may write them."""

    permitted: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """What the data set itself calls the numbers in its label column."""

    def read(self, value: Any, where: str) -> str:
        """A label by its text in any case, by the data set's name for its number, else by its place in the order."""
        text = _text(value, f"{where}: {LABEL}")
        place = _PLACE.fullmatch(text)
        number = int(place[1]) if place else None
        name = self.names[number] if number is not None and number < len(self.names) else text
        known = {label.casefold(): label for label in self.permitted}
        for written in (text.casefold(), name.casefold()):
            if self.aliases.get(written, written).casefold() in known:
                return known[self.aliases.get(written, written).casefold()]
        if number is not None and number < len(self.permitted):
            return self.permitted[number]
        hint = "this split has no labels" if text in ("-1", "-1.0") else "say which there are: task.labels='[...]'"
        raise DataError(f"{where}: label '{text}' is not among {', '.join(self.permitted)}; {hint}")


def find_labels(given: Sequence[str] | None, source: Source, spec: Spec, column: str | None) -> Labels:
    """The labels that the user names, else the entry's, else those of the data; none where answers are free."""
    names = source.names.get(column or "", ())
    if given or spec.labels:
        return Labels(tuple(given or spec.labels), spec.aliases, names)
    return Labels((names or _occurring(source, column)) if spec.classes and column else ())


def _occurring(source: Source, column: str) -> tuple[str, ...]:
    values = (row.get(column) for rows in source.splits.values() for row in rows)
    found = {_text(value, f"column '{column}'") for value in values if not _is_empty(value)}
    texts = sorted({text.casefold(): text for text in sorted(found, reverse=True)}.values())
    if len(texts) < 2:
        only = f"only one value, '{texts[0]}'" if texts else "no values"
        raise DataError(f"column '{column}' has {only}: there must be two labels to tell apart")
    if all(map(_NUMBER.fullmatch, texts)):
        raise DataError(f"the labels in column '{column}' are numbers: name them in order, task.labels='[no, yes]'")
    if len(texts) > _MOST_CLASSES:
        raise DataError(f"column '{column}' has {len(texts)} different values, too many for labels")
    return tuple(texts)


def to_examples(
    rows: Iterable[Row], spec: Spec, columns: Mapping[str, str], labels: Labels, where: str
) -> tuple[list[Example], int]:
    """The examples in the rows of one split, and how many rows were dropped for having no text."""
    examples, empty = [], 0
    for number, row in enumerate(rows, 1):
        here = f"{where}, row {number}"
        fields = {role: row.get(column) for role, column in columns.items()}
        parts = _parts(fields, spec, here)
        if not parts and not spec.drop_empty:
            bare = next(role for role, value in fields.items() if _is_empty(value))
            raise DataError(f"{here}: column '{columns[bare]}' is empty")
        empty += not parts
        examples.extend(_example(part, spec, labels, here) for part in parts)
    return examples, empty


def _parts(fields: Row, spec: Spec, where: str) -> list[Row]:
    """What one row holds: itself, or what the entry makes of it; nothing where a text is empty."""
    if any(map(_is_empty, fields.values())):
        return []
    try:
        parts = spec.expand(fields) if spec.expand else [fields]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError(f"{where} has another shape than the data of this task ({found})") from error
    return [part for part in parts if not any(map(_is_empty, part.values()))]


def _example(fields: Row, spec: Spec, labels: Labels, where: str) -> Example:
    inputs = {name: _text(fields[name], f"{where}: {name}") for name in spec.inputs}
    if labels.permitted:
        return Example(inputs, (labels.read(fields[LABEL], where),))
    values = fields[LABEL] if isinstance(fields[LABEL], (list, tuple)) else [fields[LABEL]]
    texts = (_text(value, f"{where}: {LABEL}") for value in values if not _is_empty(value))
    references = tuple(dict.fromkeys(filter(None, map(spec.reference, texts))))
    if not references:
        raise DataError(f"{where}: there is no final answer in {LABEL} '{fields[LABEL]}'")
    return Example(inputs, references)


def _text(value: Any, where: str) -> str:
    if not _plain(value):
        raise DataError(f"{where} should be a text, not {type(value).__name__}")
    if isinstance(value, float) and value.is_integer():  # whole numbers come as floats where a column had gaps
        value = int(value)
    return str(value).strip()


def _plain(value: Any) -> bool:
    return isinstance(value, (str, int, float))


def _is_empty(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_empty, value))
    return value is None or value != value or (isinstance(value, str) and not value.strip())
