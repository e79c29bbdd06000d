"""SARI: how well a simplification keeps, deletes and adds what people keep, delete and add (Xu et al., 2016).

It departs from the paper's script as the `evaluate` library does: keep recall is weighted by counts, and where there
is nothing to do, doing nothing scores 1. The result lies between 0 and 1, not 100, and belongs to one sentence.
"""

from __future__ import annotations

import re
from collections import Counter

from prl_hub.types import Example

_LENGTHS = (1, 2, 3, 4)


def sari(answer: str, example: Example) -> float:
    """Mean over n-grams of the F1 of keeping, the precision of deleting and the F1 of adding.

    The sentence to be simplified is the example's only input, or the one that is named "text".
    """
    source = example.inputs["text"] if "text" in example.inputs else next(iter(example.inputs.values()))
    texts = [_tokens(text) for text in (source, answer, *example.references)]
    return sum(sum(_parts(*(_ngrams(tokens, n) for tokens in texts))) / 3 for n in _LENGTHS) / len(_LENGTHS)


def _parts(source: Counter, answer: Counter, *references: Counter) -> tuple[float, float, float]:
    """Keep, delete and add; counts of source and answer are multiplied to stand beside all references together."""
    people = sum(references, Counter())
    before = _times(source, len(references))
    after = _times(answer, len(references))
    return _keep(before, after, people), _delete(before, after, people), _add(source, answer, people)


def _keep(before: Counter, after: Counter, people: Counter) -> float:
    kept, right = before & after, before & people
    good = kept & people
    precision = _ratio(sum(good[gram] / kept[gram] for gram in good), len(kept))
    return _f1(precision, _ratio(good.total(), right.total()))


def _delete(before: Counter, after: Counter, people: Counter) -> float:
    deleted = before - after
    good = deleted - people
    return _ratio(sum(good[gram] / deleted[gram] for gram in good), len(deleted))


def _add(source: Counter, answer: Counter, people: Counter) -> float:
    added, right = set(answer) - set(source), set(people) - set(source)
    good = added & right
    return _f1(_ratio(len(good), len(added)), _ratio(len(good), len(right)))


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())


def _ngrams(tokens: list[str], n: int) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _times(counts: Counter, factor: int) -> Counter:
    return Counter({gram: count * factor for gram, count in counts.items()})


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
