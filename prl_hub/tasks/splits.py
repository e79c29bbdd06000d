"""Disjoint train, validation and test rows that do not depend on the order of the source or on any seed.

Who is in which split, and in which order, follows from content alone, so that every run of a task with the same sizes
sees the same rows, and a smaller size is the head of a larger one. A row that is added to the source moves no other
one. The seed of a run only decides which of the train rows it looks at, elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prl_hub.errors import DataError
from prl_hub.types import Example, content_id

TEST_SHARE = 0.3
VALIDATION_SHARE = 0.2

Key = Callable[[Example], str]


@dataclass(frozen=True)
class Division:
    """The three splits, and for each one how many rows were dropped: repeated inside it, or held by a later split."""

    splits: Mapping[str, tuple[Example, ...]]
    repeated: Mapping[str, int]
    shared: Mapping[str, int]


def divide(found: Mapping[str, Sequence[Example]], key: Key = lambda example: example.id) -> Division:
    """Keep the source's own splits, carve the missing ones out of train, and let no group be in two splits.

    Args:
        found: examples by role; a source without train lends its validation rows, or else its test rows, to all three.
        key: the group of an example; examples of one group stay together.
    """
    found = dict(found)
    if "train" not in found:
        found["train"] = found.pop("validation" if "validation" in found else "test")
    unique = {name: _unique(examples) for name, examples in found.items()}
    apart = _apart(unique, key)
    shared = {name: len(unique[name]) - len(apart[name]) for name in unique}
    for name, share in (("test", TEST_SHARE), ("validation", VALIDATION_SHARE)):
        if name not in apart:
            apart[name], apart["train"] = _carve(apart["train"], name, share, key)
    for name, examples in apart.items():
        if not examples:
            raise DataError(f"no {name} rows are left: the data set has too few different rows for three splits")
    repeated = {name: len(found[name]) - len(unique[name]) for name in found}
    return Division({name: tuple(examples) for name, examples in apart.items()}, repeated, shared)


def _unique(examples: Sequence[Example]) -> list[Example]:
    """In an order made of content; where one text has several labels, the first of them in that order stays."""
    kept: dict[str, Example] = {}
    for example in sorted(examples, key=lambda example: (content_id("order", example.id), example.references)):
        kept.setdefault(example.id, example)
    return list(kept.values())


def _apart(splits: Mapping[str, list[Example]], key: Key) -> dict[str, list[Example]]:
    """The final comparison has the first right to a row, training the last."""
    taken: set[str] = set()
    apart = {}
    for name in ("test", "validation", "train"):
        if name in splits:
            apart[name] = [example for example in splits[name] if key(example) not in taken]
            taken.update(map(key, apart[name]))
    return apart


def _carve(pool: list[Example], name: str, share: float, key: Key) -> tuple[list[Example], list[Example]]:
    """About `share` of the groups by a threshold on their hash, at least one, and the rest."""
    places = {group: int(content_id("carve", name, group), 16) / 16**16 for group in map(key, pool)}
    threshold = max(share, min(places.values(), default=0.0))
    carved = [example for example in pool if places[key(example)] <= threshold]
    return carved, [example for example in pool if places[key(example)] > threshold]
