import random
from math import log
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, ttest_rel

from prl_hub.evaluation.statistics import BETTER, SAME, WORSE, compare, mcnemar_mid_p, mean_interval, tango_interval

scores = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=60)


def test_wilson_interval_agrees_with_scipy():
    for right, n in [(0, 10), (3, 10), (10, 10), (412, 500)]:
        expected = binomtest(right, n).proportion_ci(method="wilson")
        assert mean_interval([1.0] * right + [0.0] * (n - right)) == pytest.approx((expected.low, expected.high))


def test_t_comparison_agrees_with_scipy():
    stream = random.Random(0)
    old = [stream.random() for _ in range(40)]
    new = [value + stream.gauss(0.1, 0.2) for value in old]
    expected = ttest_rel(new, old)
    interval = expected.confidence_interval()
    ours = compare(old, new)
    assert (ours.p_value, ours.ci_low, ours.ci_high) == pytest.approx((expected.pvalue, interval.low, interval.high))
    assert ours.test == "paired t"


def test_mid_p_agrees_with_the_exact_test_less_half_a_point():
    for gained, lost in [(1, 0), (7, 2), (3, 12)]:
        exact = binomtest(min(gained, lost), gained + lost).pvalue
        point = binomtest(min(gained, lost), gained + lost, alternative="less").pvalue
        assert mcnemar_mid_p(gained, lost) <= exact
        assert mcnemar_mid_p(gained, lost) == pytest.approx(
            2 * point - _point_mass(min(gained, lost), gained + lost), abs=1e-12
        )


def _point_mass(k: int, n: int) -> float:
    from math import comb

    return comb(n, k) / 2**n


@pytest.mark.parametrize(("gained", "lost", "n"), [(12, 2, 50), (3, 1, 20), (40, 55, 300)])
def test_at_the_ends_of_tangos_interval_the_score_statistic_is_the_normal_quantile(gained, lost, n):
    def statistic(delta):
        def surprise(q):  # of the table, given the probabilities q of a loss and q + delta of a gain
            return -(gained * log(q + delta) + lost * log(q) + (n - gained - lost) * log(1 - 2 * q - delta))

        q = minimize_scalar(surprise, bounds=(max(0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12), method="bounded").x
        return (gained - lost - n * delta) / (n * (2 * q + delta - delta**2)) ** 0.5

    low, high = tango_interval(gained, lost, n)
    assert statistic(low) == pytest.approx(1.96, abs=2e-3)
    assert statistic(high) == pytest.approx(-1.96, abs=2e-3)


@given(scores)
def test_swapping_the_prompts_turns_the_comparison_round(pairs):
    old, new = [a for a, _ in pairs], [b for _, b in pairs]
    one, other = compare(old, new), compare(new, old)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.ci_low, one.ci_high) == pytest.approx((-other.ci_high, -other.ci_low), abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value)


@given(scores)
def test_the_interval_holds_the_estimate_and_stays_in_range(pairs):
    result = compare([a for a, _ in pairs], [b for _, b in pairs])
    assert -1 <= result.ci_low <= result.difference + 1e-9
    assert result.difference - 1e-9 <= result.ci_high <= 1


def test_mid_p_of_equal_gains_and_losses_is_fagerlands():
    assert mcnemar_mid_p(1, 1) == pytest.approx(0.75)
    assert mcnemar_mid_p(0, 0) == 1.0


def test_two_rows_that_agree_are_no_evidence():
    assert compare([0.2, 0.2], [0.3, 0.3]).verdict == SAME
    assert compare([0.2] * 20, [0.3] * 20).verdict == BETTER


def test_verdicts_are_in_words():
    assert compare([0.0] * 50, [1.0] * 50).verdict == BETTER
    assert compare([1.0] * 50, [0.0] * 50).verdict == WORSE
    assert compare([1.0, 0.0] * 25, [1.0, 0.0] * 25).verdict == SAME
    assert compare([0.0], [1.0]).verdict == SAME


def test_a_comparison_of_different_lengths_is_refused():
    with pytest.raises(ValueError, match="equally many"):
        compare([0.0], [0.0, 1.0])


@pytest.mark.parametrize("effect", [0.0, 0.08])
def test_intervals_of_the_difference_cover_the_truth_as_often_as_they_say(effect):
    stream, covered, runs, n = random.Random(1), 0, 600, 150
    for _ in range(runs):
        difficulty = [stream.random() for _ in range(n)]
        old = [float(stream.random() < 0.2 + 0.5 * d) for d in difficulty]
        new = [float(stream.random() < 0.2 + 0.5 * d + effect) for d in difficulty]
        result = compare(old, new)
        covered += result.ci_low <= effect <= result.ci_high
    assert 0.93 <= covered / runs <= 0.97


def test_no_difference_is_called_better_or_worse_at_most_one_time_in_twenty():
    stream, wrong, runs = random.Random(2), 0, 600
    for _ in range(runs):
        rows = [(float(stream.random() < 0.6), float(stream.random() < 0.6)) for _ in range(100)]
        wrong += compare([a for a, _ in rows], [b for _, b in rows]).verdict != SAME
    assert wrong / runs <= 0.06


def test_the_interval_of_a_mean_holds_the_mean():
    values = [0.2, 0.4, 0.9, 0.1]
    low, high = mean_interval(values)
    assert 0 <= low < fmean(values) < high <= 1
    assert mean_interval([]) == (0.0, 1.0)
