"""What changed from one prompt to another, word by word, in pieces that a person can read.

Not a patch: short scraps that two sentences happen to share are counted as changed, since a confetti of single words
is harder to read than two whole phrases.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

SAME, REMOVED, ADDED = "same", "removed", "added"
Piece = tuple[str, str]
"""Kind (`SAME`, `REMOVED` or `ADDED`) and text. The texts but the added make the old text, but the removed the new."""

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_PAIRS = 4_000_000  # above, comparing token by token takes too long to be worth it


def word_diff(old: str, new: str) -> list[Piece]:
    """The pieces of `old` and `new` in reading order, what was removed before what stands in its place."""
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(a) * len(b) > _MOST_PAIRS:
        return _join([(REMOVED, old), (ADDED, new)])
    pieces = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append((SAME, "".join(a[i:j])))
        else:
            pieces += [(REMOVED, "".join(a[i:j])), (ADDED, "".join(b[k:m]))]
    return _join(_without_scraps(pieces))


def _without_scraps(pieces: list[Piece]) -> list[Piece]:
    """Shared bits with less than two words, between two changes, become part of the changes."""
    calm = []
    for position, (kind, text) in enumerate(pieces):
        inside = 0 < position < len(pieces) - 1
        if kind == SAME and inside and len(re.findall(r"\w+", text)) < 2:
            calm += [(REMOVED, text), (ADDED, text)]
        else:
            calm.append((kind, text))
    return calm


def _join(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring changes become one removed and one added text, without empty pieces."""
    joined, removed, added = [], "", ""
    for kind, text in [*pieces, (SAME, "")]:
        if kind != SAME:
            removed, added = removed + text * (kind == REMOVED), added + text * (kind == ADDED)
        else:
            joined += [(REMOVED, removed), (ADDED, added), (SAME, text)]
            removed = added = ""
    return [piece for piece in joined if piece[1]]
