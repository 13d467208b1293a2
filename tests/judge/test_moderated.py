"""Moderated t: against Smyth's formulae worked by hand, against Student's t and Yuen's interval, and where
other cases mislead."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import polygamma
from scipy.stats import mstats, ttest_1samp

from harness.judge.moderated import (
    CAP,
    NO_PRIOR,
    Prior,
    Spread,
    centre_of,
    prior_of,
    spread_of,
    trigamma_inverse,
)

EULER = 0.5772156649015329


def test_a_small_table_by_hand() -> None:
    """Smyth 2004, section 6.2, for four decisions of three units: each log variance less its expected bias,
    the mean and the variance of those, the prior's degrees of freedom from what their own degrees do not
    explain.

    With d = 2, digamma(1) = -0.5772 and trigamma(1) = pi^2 / 6 = 1.6449. The logs of the variances are 0, 4,
    0, 4: e = log s^2 + 0.5772 has the mean 2.5772 and the variance 16 / 3; 3.6884 = trigamma(d0 / 2) is left.
    By the series 1 / x^2 + 1 / (x + 1)^2 + ... it is trigamma(0.59483) = 2.8263 + 0.3932 + 0.1485 + 0.0774
    and 0.2430 for the rest, so d0 = 1.1897. With digamma(0.59483) = -1.5596 and log(0.59483) = -0.5195, s0^2
    = exp(2.5772 - 1.5596 + 0.5195) = exp(1.5371).
    """
    found = prior_of([Spread(math.exp(log), 2) for log in (0, 4, 0, 4)], cap=100.0)
    assert found.freedom == pytest.approx(1.1897, abs=1e-4)
    assert math.log(found.variance) == pytest.approx(1.5371, abs=1e-4)


def test_moderated_t_by_hand() -> None:
    """(d0 s0^2 + d s^2) / (d0 + d) with d0 + d degrees of freedom, where the own variance is the smaller."""
    centre = centre_of([1.0, 2.0, 3.0], Prior(4.0, 2.0))
    assert centre.mean == 2.0
    assert centre.deviation**2 == pytest.approx((2 * 4 + 2 * 1) / 4)
    assert centre.freedom == 4
    # t(4) at 5 % two-sided is 2.7764
    assert centre.half_width(0.05) == pytest.approx(2.7764 * math.sqrt(2.5 / 3), rel=1e-4)


def test_a_noisier_decision_trusts_the_prior_less() -> None:
    """Own variance nine times the prior's: a ninth of the prior's two degrees of freedom is left."""
    centre = centre_of([0.0, 3.0, 6.0], Prior(1.0, 2.0))
    assert centre.trusted == pytest.approx(2 / 9)
    assert centre.freedom == pytest.approx(2 + 2 / 9)
    assert centre.deviation**2 == pytest.approx((2 / 9 * 1 + 2 * 9) / (2 + 2 / 9))
    alone = centre_of([0.0, 3.0, 6.0])
    assert 0.7 * alone.half_width(0.01) < centre.half_width(0.01) < alone.half_width(0.01)


def test_variances_that_are_alike_have_a_capped_prior() -> None:
    """Moments that leave nothing to explain would give a prior without bound: limma's is infinite."""
    alike = prior_of([Spread(2.0, 2)] * 30)
    assert alike.freedom == CAP
    assert alike.variance == pytest.approx(2.0 * math.exp(EULER))  # e = log s^2 - digamma(1)
    assert prior_of([Spread(2.0, 2)] * 30, cap=50.0).freedom == 50.0


def test_the_prior_of_a_known_distribution() -> None:
    """Variances drawn from s0^2 F(4, d0) give both numbers back, with d0 = 6 beyond the usual cap."""
    rng = np.random.default_rng(5)
    drawn = [Spread(3.0 * value, 4) for value in rng.f(4, 6, 4000)]
    found = prior_of(drawn, cap=100.0)
    assert found.variance == pytest.approx(3.0, rel=0.05)
    assert found.freedom == pytest.approx(6.0, rel=0.15)


def test_too_few_others_are_no_prior() -> None:
    """Two decisions, or three without any spread, say nothing of the variance of another."""
    assert prior_of([]) == NO_PRIOR
    assert prior_of([Spread(1.0, 2)] * 2) == NO_PRIOR
    assert prior_of([Spread(0.0, 2)] * 9) == NO_PRIOR


def test_a_variance_of_nothing_does_not_outweigh_the_others() -> None:
    """A decision whose units are all alike counts as a hundred-thousandth of the median variance."""
    found = prior_of([Spread(variance, 2) for variance in (1.0, 1.0, 1.0, 0.0)])
    floored = prior_of([Spread(variance, 2) for variance in (1.0, 1.0, 1.0, 1e-5)])
    assert found == floored
    assert 0 < found.freedom < 1


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_without_a_prior_it_is_students_t(count: int) -> None:
    """Up to nine units none is left out: SciPy's interval and p."""
    values = np.random.default_rng(count).normal(0.3, 1.0, count)
    expected = ttest_1samp(values, 0.1)
    interval = expected.confidence_interval(0.9)
    centre = centre_of(values)
    assert centre.interval(0.1) == pytest.approx((interval.low, interval.high))
    if centre.mean > 0.1:
        assert centre.p(0.1) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("count", [10, 14, 20, 28])
def test_more_units_are_trimmed(count: int) -> None:
    """From ten units on it is SciPy's trimmed mean with Yuen's error, and no stalled unit widens it."""
    values = np.random.default_rng(count).normal(0.3, 1.0, count)
    centre = centre_of(values)
    cut = int(0.1 * count)
    kept = count - 2 * cut
    assert centre.mean == pytest.approx(float(mstats.trimmed_mean(values, (0.1, 0.1))))
    winsorised = np.asarray(mstats.winsorize(np.sort(values), (cut / count, cut / count)))
    error = math.sqrt((count - 1) * winsorised.var(ddof=1) / (kept * (kept - 1)))
    assert centre.deviation / math.sqrt(count) == pytest.approx(error)
    assert centre.freedom == kept - 1
    stalled = centre_of([*np.sort(values)[:-1], 1e6])
    assert stalled.half_width(0.01) == pytest.approx(centre.half_width(0.01))


def test_one_unit_has_no_bounds() -> None:
    """A single unit has a centre; its interval is unbounded, with a prior too: nothing shows its own
    spread."""
    centre = centre_of([0.5], Prior(1.0, 2.0))
    assert centre.interval(0.05) == (-math.inf, math.inf)
    assert (centre.p(0.1), centre.freedom, spread_of([0.5])) == (1.0, 0.0, None)
    with pytest.raises(ValueError, match="no values"):
        centre_of([])
    with pytest.raises(ValueError, match="a level is in"):
        centre.half_width(1.0)


def test_units_without_spread() -> None:
    """Units that are all alike are certain by themselves, and not where other cases vary."""
    assert centre_of([0.125] * 3).p(0.02) == 0.0
    assert centre_of([0.125] * 3).p(0.125) == 1.0
    assert centre_of([0.125] * 3).interval(0.01) == (0.125, 0.125)
    assert centre_of([0.1] * 3, Prior(0.1**2, 2.0)).p(0.02) > 0.1


def test_expected_half_widths_shrink() -> None:
    """With every look ahead the interval that is expected there is narrower."""
    centre = centre_of([0.0, 1.0, 2.0], Prior(1.0, 2.0))
    assert centre.half_width(0.01, 3) == centre.half_width(0.01)
    widths = [centre.half_width(0.01, look) for look in (3, 4, 5, 7, 10, 14, 20, 28)]
    assert all(wider > narrower for wider, narrower in pairwise(widths))


@pytest.mark.parametrize("value", [1e-8, 1e-3, 0.5, 1.6449340668482264, 40.0, 1e9])
def test_trigamma_inverse(value: float) -> None:
    """Over seventeen orders of magnitude."""
    assert float(polygamma(1, trigamma_inverse(value))) == pytest.approx(value, rel=1e-4)
