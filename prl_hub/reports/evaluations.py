"""What `prl-hub evaluate` prints: one entry a prompt, each compared with the first one on the same rows.

Knows results by their shape (`prompt`, `split`, `metric`, `value`, `n`, `ci_low`, `ci_high`, `rows`) and needs no run.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from prl_hub.evaluation.statistics import compare
from prl_hub.reports.wording import count, p_value, score, shorten, signed, visible

_WIDTH = 100


def evaluation_table(results: Sequence[Any]) -> str:
    """Plain text: score, 95 % interval and n of every prompt, and its paired comparison with the first."""
    first = results[0]
    title = f"{first.split} {shorten(visible(first.metric), 20)}"
    entries = [_head("", title, "95 % interval", "n", "against 1" if len(results) > 1 else "")]
    for number, result in enumerate(results, 1):
        interval = f"{score(result.ci_low)} to {score(result.ci_high)}"
        against = _against(first, result) if number > 1 else ""
        entries.append(_head(str(number), score(result.value), interval, count(result.n), against))
        entries.append(
            textwrap.fill(visible(result.prompt.text), _WIDTH, initial_indent="   ", subsequent_indent="   ")
        )
    return "\n".join(entries)


def _head(number: str, value: str, interval: str, n: str, against: str) -> str:
    return f"{number:<3}{value:<26}{interval:<17}{n:>7}   {against}".rstrip()


def _against(first: Any, result: Any) -> str:
    pairs = [(a.score, b.score) for a, b in zip(first.rows, result.rows, strict=True)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    comparison = compare([a for a, _ in known], [b for _, b in known])
    return f"{signed(comparison.difference)}, {p_value(comparison.p_value)}: {comparison.verdict}"
