"""Words and numbers as people read them: scores, intervals, amounts, and texts whose every character can be seen.

Knows nothing of runs. Whatever comes out of a run (prompts, answers, labels) was written by models and strangers and
goes through `visible`, or its sibling for HTML in `html`, before anybody looks at it.
"""

from __future__ import annotations

import math
import re

# Printable by Unicode's book, but nothing is seen: fillers, joiners, variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_WELCOME = "\n\t\u3000"  # not "printable", yet what they do is plain to see


def is_hidden(character: str) -> bool:
    """Whether a reader could not see it, or it would move the text around it: control, bidi, zero width, surrogate."""
    return character not in _WELCOME and (not character.isprintable() or bool(_UNSEEN.match(character)))


def escape_code(character: str) -> str:
    """`\\u202e` and the like."""
    return character.encode("unicode_escape").decode()


def visible(text: object) -> str:
    """The text with every hidden character written out as an escape."""
    return "".join(escape_code(character) if is_hidden(character) else character for character in str(text))


def shorten(text: str, width: int) -> str:
    """One visible line of at most `width` characters."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def count(number: float) -> str:
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def gpu_hours(hours: float) -> str:
    return f"{hours:.2g} GPU-hours" if hours < 10 else f"{count(hours)} GPU-hours"


def usd(amount: float) -> str:
    return f"{amount:,.2f} USD" if amount >= 0.01 or not amount else f"{amount:.1g} USD"


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
