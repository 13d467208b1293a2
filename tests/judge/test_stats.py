"""Numbers from numbers, against SciPy and against brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, mstats, ttest_1samp, wilcoxon
from scipy.stats import t as student_t

from harness.judge.sequential import level
from harness.judge.stats import (
    Side,
    hodges_lehmann,
    median_shift,
    quiet_ratio,
    rank_sum_interval,
    rank_sum_p,
    signed_rank_interval,
    signed_rank_p,
    student_p,
    total_ratio,
    trimmed_interval,
)
from tests.support.saved import recorded

SIDES: tuple[Side, ...] = ("greater", "less")
few = st.integers(-6, 6)
times = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=40)


def brute_force_p(values: list[float], shift: float) -> float:
    """P of the rank sum under all sign patterns, by counting them; needs distinct sizes and no zero."""
    differences = np.asarray(values) - shift
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    seen = ranks[differences > 0].sum()
    patterns = itertools.product((0, 1), repeat=len(values))
    return float(np.mean([np.dot(signs, ranks) >= seen for signs in patterns]))


@pytest.mark.parametrize("count", [1, 2, 6, 7, 14, 20, 28, 30, 50])
@pytest.mark.parametrize("side", SIDES)
def test_p_is_scipys_exact_p(count: int, side: Side) -> None:
    """Without ties the p-value is SciPy's exact one, on both sides and at any shift."""
    rng = np.random.default_rng(count)
    for shift in (-0.5, 0.0, 0.3, 2.0):
        values = rng.normal(0.2, 1.0, count)
        expected = wilcoxon(values - shift, alternative=side, method="exact").pvalue
        assert signed_rank_p(values, shift, side) == pytest.approx(expected, rel=1e-11)


def test_p_counts_sign_patterns() -> None:
    """The p-value is the share of sign patterns at least as extreme."""
    values = [0.4, -0.1, 0.9, 1.3, -0.25, 0.7]
    assert signed_rank_p(values, 0.05, "greater") == pytest.approx(brute_force_p(values, 0.05), abs=1e-15)


def test_smallest_p_is_two_to_the_minus_n() -> None:
    """When every value lies beyond the shift, p is exactly 2**-n."""
    for count in (5, 7, 50):
        assert signed_rank_p([1.0 + i for i in range(count)], 0.5, "greater") == 2.0**-count


@settings(max_examples=150, deadline=None)
@given(st.lists(few, min_size=1, max_size=9), few, st.randoms(use_true_random=False))
def test_ties_and_zeros_are_conservative(values: list[int], shift: int, random: object) -> None:
    """With ties and zeros p is no smaller than after breaking them at random, on either side."""
    rng = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    broken = np.asarray(values, dtype=float) + rng.uniform(-1e-6, 1e-6, len(values))
    for side in SIDES:
        expected = wilcoxon(broken - shift, alternative=side, method="exact").pvalue
        assert signed_rank_p([float(v) for v in values], shift, side) >= expected * (1 - 1e-11)


def test_all_zero_says_nothing() -> None:
    """Values that all sit on the shift have p = 1 both ways."""
    assert [signed_rank_p([2.0] * 8, 2.0, side) for side in SIDES] == [1.0, 1.0]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-50, 50).map(float), min_size=7, max_size=30), st.sampled_from([0.05, 0.05 / 3, 0.3])
)
def test_interval_is_what_the_test_does_not_reject(values: list[float], alpha: float) -> None:
    """The test keeps both ends of the interval and rejects just outside them."""
    interval = signed_rank_interval(values, alpha)
    assert interval is not None
    low, high = interval
    assert signed_rank_p(values, low, "greater") > alpha / 2
    assert signed_rank_p(values, low - 1e-6, "greater") <= alpha / 2
    assert signed_rank_p(values, high, "less") > alpha / 2
    assert signed_rank_p(values, high + 1e-6, "less") <= alpha / 2
    assert low <= hodges_lehmann(values) <= high


def test_interval_needs_enough_values() -> None:
    """Five values cannot give 95 %, six can; seven reach one look's share of 5 %."""
    assert signed_rank_interval([1.0, 2, 3, 4, 5], 0.05) is None
    assert signed_rank_interval([1.0, 2, 3, 4, 5, 6], 0.05) == (1.0, 6.0)
    assert signed_rank_interval([1.0, 2, 3, 4, 5, 6], 0.05 / 3) is None
    assert signed_rank_interval([1.0, 2, 3, 4, 5, 6, 7], 0.05 / 3) == (1.0, 7.0)


def test_hodges_lehmann_is_the_median_of_averages() -> None:
    """The estimate is the median over all pairs, each value paired with itself too."""
    assert hodges_lehmann([1.0, 2.0, 9.0]) == np.median([1, 2, 9, 1.5, 5, 5.5])


@pytest.mark.parametrize("count", [5, 7, 14, 20, 28, 50])
@pytest.mark.parametrize("trim", [0.1, 0.2, 0.25])
def test_trimmed_interval_is_scipys(count: int, trim: float) -> None:
    """The trimmed interval is that of scipy.stats.mstats."""
    values = np.random.default_rng(count).standard_t(2, count)
    expected = mstats.trimmed_mean_ci(values, limits=(trim, trim), alpha=0.05 / 3)
    assert trimmed_interval(values, 0.05 / 3, trim) == pytest.approx(tuple(expected), rel=1e-9)


def test_untrimmed_interval_is_students() -> None:
    """Trimming nothing leaves Student's interval of the mean."""
    values = np.random.default_rng(1).normal(size=12)
    assert trimmed_interval(values, 0.05, 0.0) == pytest.approx(
        tuple(ttest_1samp(values, 0).confidence_interval(0.95))
    )


def test_trimmed_interval_of_too_few_is_unbounded() -> None:
    """One value bounds nothing."""
    assert trimmed_interval([1.0], 0.05) == (-math.inf, math.inf)


@settings(max_examples=100, deadline=None)
@given(times, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_quiet_ratio_is_symmetric(base: list[float], factor: float, random: object) -> None:
    """A constant factor is found exactly, and where no pairs are equally quiet, swapping the sides flips the
    sign."""
    assert quiet_ratio(base, [factor * b for b in base]) == pytest.approx(math.log(factor), abs=1e-9)
    other = [b * random.uniform(0.5, 2) for b in base]  # type: ignore[attr-defined]
    assert quiet_ratio(base, other) == pytest.approx(-quiet_ratio(other, base), abs=1e-9)


def test_quiet_ratio_drops_the_loud_pairs() -> None:
    """Of ten pairs the three with the largest product do not count, whichever side was loud."""
    base = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 1.0, 3.0]
    head = [1.1, 1.1, 1.1, 1.1, 1.2, 1.2, 1.2, 1.0, 9.0, 3.0]
    assert quiet_ratio(base, head) == pytest.approx(math.log(1.1))
    assert quiet_ratio(base, head, keep=1.0) == pytest.approx((math.log(1.1) + math.log(1.1)) / 2)


def test_keep_rounds_up() -> None:
    """70 % of 30 pairs is 21 and of 4 is 3; one pair always stays."""
    for count, kept in ((30, 21), (4, 3), (1, 1), (10, 7)):
        base = [1.0 + i for i in range(count)]
        head = [b * math.exp(i) for i, b in enumerate(base)]
        assert quiet_ratio(base, head) == pytest.approx((kept - 1) / 2)


def test_total_ratio_feels_every_stall() -> None:
    """One round ten times as long among ten raises the total to 1.9 times and leaves the quiet ratio
    alone."""
    base, stalling = [1.0] * 10, [1.0] * 9 + [10.0]
    assert total_ratio(base, stalling) == pytest.approx(math.log(1.9))
    assert quiet_ratio(base, stalling) == 0.0


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_ratios_refuse_what_has_no_logarithm(bad: float) -> None:
    """A time that is not positive and finite is an error on either side."""
    for ratio in (quiet_ratio, total_ratio):
        for rows in (([1.0, bad], [1.0, 1.0]), ([1.0, 1.0], [1.0, bad]), ([1.0], [1.0, 1.0]), ([], [])):
            with pytest.raises(ValueError, match=r"positive|equal length"):
                ratio(*rows)


def test_statistics_refuse_nonsense() -> None:
    """No values, NaN and levels outside (0, 1) are errors."""
    for values in ([], [math.nan, 1.0], [math.inf]):
        for call in (
            hodges_lehmann,
            lambda v: signed_rank_p(v, 0.0, "greater"),
            lambda v: trimmed_interval(v, 0.05),
        ):
            with pytest.raises(ValueError, match="values"):
                call(values)
    with pytest.raises(ValueError, match="alternative"):
        signed_rank_p([1.0], 0.0, "two-sided")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alpha"):
        signed_rank_interval([1.0], 0.0)


# --- two rows without pairs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [(5, 5), (7, 14), (28, 28), (1, 3)])
def test_rank_sum_is_mann_whitney(first: int, second: int) -> None:
    """The exact p agrees with SciPy's, on both sides and beyond a shift."""
    random = np.random.default_rng(first * second)
    one, other = random.normal(size=first), random.normal(0.3, 1, size=second)
    for shift in (0.0, 0.4):
        for side in SIDES:
            expected = mannwhitneyu(other - shift, one, alternative=side, method="exact").pvalue
            assert rank_sum_p(one, other, shift, side) == pytest.approx(expected)


@pytest.mark.parametrize("workload", sorted(recorded("sequential_invocations")))
def test_recorded_samples_give_scipys_numbers(workload: str) -> None:
    """What is hand-written gives SciPy's numbers to 1e-12 on recorded processes: both tests, and the
    interval."""
    levels = [level(process["base"]) or 0.0 for process in recorded("sequential_invocations")[workload]]
    for count in (6, 10, 20, 36):
        one, other = np.array(levels[:count]), np.array(levels[-count:])
        for shift in (-0.01, 0.0, 0.01):
            for side in SIDES:
                p = mannwhitneyu(other - shift, one, alternative=side, method="exact").pvalue
                assert rank_sum_p(one, other, shift, side) == pytest.approx(p, rel=0, abs=1e-12)
                p = wilcoxon(one - one.mean() - shift, alternative=side, method="exact").pvalue
                assert signed_rank_p(one - one.mean(), shift, side) == pytest.approx(p, rel=0, abs=1e-12)
        expected = mstats.trimmed_mean_ci(one, limits=(0.2, 0.2), alpha=0.02)
        assert trimmed_interval(one, 0.02) == pytest.approx(tuple(expected), rel=0, abs=1e-12)


def test_rank_sum_of_many() -> None:
    """Beyond what is counted out, the normal distribution takes over, and hardly differs."""
    random = np.random.default_rng(3)
    one, other = random.normal(size=41), random.normal(0.4, 1, size=41)
    expected = mannwhitneyu(other, one, alternative="greater", method="exact").pvalue
    assert rank_sum_p(one, other, 0.0, "greater") == pytest.approx(expected, rel=0.02)


def test_ties_count_against_the_alternative() -> None:
    """Pairs that lie on the shift are no evidence on either side."""
    assert rank_sum_p([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 0.0, "greater") == 1.0
    assert rank_sum_p([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 0.0, "less") == 1.0


def test_rank_sum_interval_is_what_the_test_does_not_reject() -> None:
    """Just inside an end the two-sided test keeps the shift, just outside it rejects; too few values have no
    end."""
    random = np.random.default_rng(5)
    one, other = random.normal(size=8), random.normal(1.0, 1, size=9)
    low, high = rank_sum_interval(one, other, 0.05) or (0.0, 0.0)
    assert low < median_shift(one, other) < high
    assert (
        rank_sum_p(one, other, low - 1e-9, "greater") <= 0.025 < rank_sum_p(one, other, low + 1e-9, "greater")
    )
    assert rank_sum_p(one, other, high + 1e-9, "less") <= 0.025 < rank_sum_p(one, other, high - 1e-9, "less")
    assert rank_sum_interval([1.0, 2.0], [3.0, 4.0], 0.05) is None


@pytest.mark.parametrize("bad", [([], [1.0]), ([1.0], []), ([float("nan")], [1.0]), ([1.0], [float("inf")])])
def test_rank_sum_of_nothing(bad: tuple[list[float], list[float]]) -> None:
    """Rows without numbers, or with what is none, are refused."""
    with pytest.raises(ValueError, match="values"):
        rank_sum_p(*bad, 0.0, "greater")
    with pytest.raises(ValueError, match="values"):
        median_shift(*bad)


@pytest.mark.parametrize("seed", range(5))
def test_student_is_scipys(seed: int) -> None:
    """SciPy's p where the values vary by more than is taken for granted; never less than that of the spread
    given."""
    values = np.random.default_rng(seed).normal(0.3, 0.1, size=5)
    p = float(ttest_1samp(values, 0.2, alternative="greater").pvalue)
    assert student_p(values, 0.2, 1e-6) == pytest.approx(p)
    assert student_p(values, 0.2, 10.0) > max(p, 0.4)
    assert student_p(values[:1], 0.2, 0.1) == 1.0
    alike = [0.5] * 4
    assert student_p(alike, 0.2, 0.1) == pytest.approx(float(student_t.sf(0.3 / 0.05, 3)))
    assert student_p(alike, 0.2, 0.1, 2) == pytest.approx(float(student_t.sf(0.3 / 0.05, 5)))
    # By hand: three values vary by 0.2, another 0.1 is known with two degrees of freedom.
    error = math.sqrt((2 * 0.04 + 2 * 0.01) / 4 / 3)
    assert student_p([0.3, 0.5, 0.7], 0.2, 0.1, 2) == pytest.approx(float(student_t.sf(0.3 / error, 4)))
