"""Intervals, and the paired comparison of two prompts on the same rows.

Scores that are all 0 or 1 get methods for proportions, which keep their coverage near 0 and 1; other scores get
Student's t. Everything is a plain function of lists of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

BETTER, SAME, WORSE = "better", "no significant difference", "worse"


@dataclass(frozen=True)
class Comparison:
    """`difference` = mean of the new scores − mean of the old ones, on the same `n` rows, with its interval."""

    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    test: str
    verdict: str
    n: int


def is_binary(scores: Sequence[float]) -> bool:
    return all(score in (0, 1) for score in scores)


def mean_interval(scores: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean score: Wilson's for 0/1 scores, Student's t (cut to the unit interval) for others.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    n = len(scores)
    if not n:
        return 0.0, 1.0
    mean = fmean(scores)
    if is_binary(scores):
        z = _normal_quantile(level)
        middle = (mean + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)
    half = _t_half_width(scores, level)
    return max(min(0.0, mean), mean - half), min(max(1.0, mean), mean + half)


def compare(old: Sequence[float], new: Sequence[float], level: float = 0.95) -> Comparison:
    """Paired comparison of two lists of scores on the same rows, in the same order.

    0/1 scores: McNemar's mid-p test and Tango's score interval. Others: paired t-test and its interval. The verdict
    is "better" or "worse" only where test and interval agree that there is a difference.

    Sources: Fagerland et al., The McNemar test for binary matched-pairs data, BMC Med. Res. Methodol. 2013; Tango,
    Equivalence test and confidence interval for the difference in proportions for the paired-sample design, Stat.
    Med. 1998.
    """
    if len(old) != len(new):
        raise ValueError(f"paired comparison needs equally many scores, got {len(old)} and {len(new)}")
    n = len(old)
    if n < 2:
        return Comparison(fmean(new) - fmean(old) if n else 0.0, -1.0, 1.0, 1.0, "none (fewer than 2 rows)", SAME, n)
    if is_binary([*old, *new]):
        gained = sum(b > a for a, b in zip(old, new, strict=True))
        lost = sum(a > b for a, b in zip(old, new, strict=True))
        low, high = tango_interval(gained, lost, n, level)
        p, test, difference = mcnemar_mid_p(gained, lost), "McNemar mid-p", (gained - lost) / n
    else:
        differences = [b - a for a, b in zip(old, new, strict=True)]
        difference, half = fmean(differences), _t_half_width(differences, level)
        low, high, p, test = difference - half, difference + half, _t_p_value(differences), "paired t"
    return Comparison(difference, low, high, p, test, _verdict(p, low, high, level), n)


def mcnemar_mid_p(gained: int, lost: int) -> float:
    """Two-sided mid-p value that gains and losses are equally likely."""
    from scipy.stats import binom

    n, smaller = gained + lost, min(gained, lost)
    if n == 0:
        return 1.0
    if gained == lost:
        return 1.0 - 0.5 * float(binom.pmf(smaller, n, 0.5))
    return float(2 * binom.cdf(smaller, n, 0.5) - binom.pmf(smaller, n, 0.5))


def tango_interval(gained: int, lost: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Tango's score interval for (gained − lost) / n, by bisection."""
    z, difference = _normal_quantile(level), (gained - lost) / n

    def score(delta: float) -> float:
        a, b = 2 * n, -gained - lost + (2 * n - gained + lost) * delta
        c = -lost * delta * (1 - delta)
        q = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = n * (2 * q + delta * (1 - delta))
        return (gained - lost - n * delta) / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, -delta)

    low = _bisect(lambda delta: score(delta) > z, -1.0, difference)
    high = _bisect(lambda delta: score(delta) > -z, difference, 1.0)
    return low, high


def _bisect(is_left: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_left(middle) else (low, middle)
    return (low + high) / 2


def _verdict(p: float, low: float, high: float, level: float) -> str:
    if p >= 1 - level or low <= 0 <= high:
        return SAME
    return BETTER if low > 0 else WORSE


def _normal_quantile(level: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + level / 2)


def _t_half_width(values: Sequence[float], level: float) -> float:
    from scipy.stats import t

    n = len(values)
    return float("inf") if n < 2 else float(t.ppf(0.5 + level / 2, n - 1)) * stdev(values) / math.sqrt(n)


def _t_p_value(differences: Sequence[float]) -> float:
    from scipy.stats import t

    spread = stdev(differences)
    if spread == 0:  # all alike: the sign test is what is left
        return 1.0 if differences[0] == 0 else 2 * 0.5 ** len(differences)
    return float(2 * t.sf(abs(fmean(differences)) / (spread / math.sqrt(len(differences))), len(differences) - 1))
