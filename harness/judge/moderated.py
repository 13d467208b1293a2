"""Intervals by moderated t: what a few units say of a decision, with the spread of a run's other decisions as
a prior.

A unit is a log ratio. Smyth (2004), "Linear models and empirical Bayes methods for assessing differential
expression in microarray experiments", section 6.2 (limma's ``fitFDist``), takes the variances of many
decisions for draws from ``s0² F(d, d0)`` and estimates ``s0²`` and ``d0`` from the mean and variance of their
logs. The moderated variance of one decision, ``(d0 s0² + d s²) / (d0 + d)``, then has ``d0 + d`` degrees of
freedom.

Three things differ here, each because a decision much noisier than the rest would otherwise be decided
wrongly too often (`scripts/verdict_power` has the figures):

- the prior of a decision is that of *other* cases alone, so a noisy case never vouches for itself;
- ``d0`` is at most `CAP`: other cases are worth two degrees of freedom, however alike they are. They are
  other work, not replicates;
- a decision whose own variance exceeds the prior's trusts it the less: ``d0 s0² / s²`` degrees of freedom.
  (Phipson et al., 2016, lower ``d0`` for outlying variances by a test of each; with two degrees of freedom no
  test finds them.)

From ten units on the mean is without the tenth at either end, and its variance is Yuen's: one stalled unit in
28 would otherwise outweigh all others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy

from harness.judge.stats import Numbers

CAP = 2.0
"""The most degrees of freedom that a prior has."""

FEWEST = 3
"""The fewest decisions from which a prior is estimated: two variances say little of how far variances
differ."""

TRIM = 0.1
"""The share of the units that is left out at either end, rounded down: none of nine, one of ten."""

_FLOOR = 1e-5
"""The share of the median variance below which a variance is taken for that, as limma does: its log would
outweigh all others."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance of one unit of a decision and its degrees of freedom, at least 1."""

    variance: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Prior:
    """What other decisions say of the variance of one unit; without degrees of freedom, nothing."""

    variance: float = 0.0
    freedom: float = 0.0


NO_PRIOR = Prior()


@dataclass(frozen=True, slots=True)
class Centre:
    """The trimmed mean of some units, and the moderated variance of one of them.

    ``own`` is their own spread, None of a single unit, whose interval has no bounds. ``trusted`` are the
    degrees of freedom that the prior has left beside it.
    """

    mean: float
    units: int
    own: Spread | None
    prior: Prior
    trusted: float

    @property
    def freedom(self) -> float:
        """The degrees of freedom of the moderated variance; 0 for a single unit."""
        return 0.0 if self.own is None else self.own.freedom + self.trusted

    @property
    def deviation(self) -> float:
        """The moderated deviation of one unit; infinite for a single one."""
        if self.own is None:
            return math.inf
        total = self.trusted * self.prior.variance + self.own.freedom * self.own.variance
        return math.sqrt(total / self.freedom)

    def half_width(self, level: float, units: int | None = None) -> float:
        """Half the width of the interval at the two-sided ``level``; with ``units``, of so many such units.

        Raises ValueError for a level outside (0, 1).
        """
        if not 0 < level < 1:
            raise ValueError(f"a level is in (0, 1), not {level}")
        if self.own is None:
            return math.inf
        count = self.units if units is None else units
        freedom = self.trusted + _kept(count) - 1
        return float(scipy.special.stdtrit(freedom, 1 - level / 2)) * self.deviation / math.sqrt(count)

    def interval(self, level: float) -> tuple[float, float]:
        """The interval of the true centre at 1 - ``level``; unbounded for a single unit."""
        half = self.half_width(level)
        return self.mean - half, self.mean + half

    def p(self, edge: float) -> float:
        """The two-sided p that the true centre lies beyond ``edge`` or its negative; 1 for a single unit."""
        beyond = abs(self.mean) - edge
        if self.own is None or beyond <= 0:
            return 1.0
        error = self.deviation / math.sqrt(self.units)
        return min(1.0, 2 * float(scipy.special.stdtr(self.freedom, -beyond / error))) if error else 0.0


def centre_of(values: Numbers, prior: Prior = NO_PRIOR) -> Centre:
    """The centre of some units under a prior. Raises ValueError for none."""
    data = np.sort(np.asarray(values, dtype=np.float64))
    if data.size == 0:
        raise ValueError("no values")
    cut = (data.size - _kept(data.size)) // 2
    mean, own = float(data[cut : data.size - cut].mean()), spread_of(data)
    trusted = prior.freedom
    if own is not None and own.variance > prior.variance:
        trusted *= prior.variance / own.variance
    return Centre(mean, data.size, own, prior, trusted)


def spread_of(values: Numbers) -> Spread | None:
    """The spread of some units; None for fewer than two.

    Of n units of which h are kept the variance is ``n (n - 1) w² / (h (h - 1))``, w² the winsorised one, so
    that its share 1/n is the squared error of the trimmed mean (Yuen); where none is left out it is the usual
    one.
    """
    data = np.sort(np.asarray(values, dtype=np.float64))
    count, kept = data.size, _kept(data.size)
    if count < 2:
        return None
    cut = (count - kept) // 2
    winsorised = float(np.clip(data, data[cut], data[count - 1 - cut]).var(ddof=1))
    return Spread(winsorised * count * (count - 1) / (kept * (kept - 1)), kept - 1)


def _kept(count: int) -> int:
    """How many of so many units the trimmed mean is of."""
    return count - 2 * int(TRIM * count + 1e-9)


def prior_of(others: Iterable[Spread], cap: float = CAP) -> Prior:
    """The prior that other decisions amount to, by the moments of the logs of their variances.

    Variances that differ by no more than their degrees of freedom explain would have a prior without bound;
    it has ``cap`` degrees of freedom. None for fewer than `FEWEST` decisions, and where none of them has any
    spread.
    """
    found = list(others)
    if len(found) < FEWEST:
        return NO_PRIOR
    variances = np.array([each.variance for each in found])
    halves = np.array([each.freedom for each in found]) / 2
    positive = variances[variances > 0]
    if positive.size < FEWEST:
        return NO_PRIOR
    logs = (
        np.log(np.maximum(variances, _FLOOR * np.median(positive)))
        - scipy.special.psi(halves)
        + np.log(halves)
    )
    excess = float(logs.var(ddof=1) - scipy.special.polygamma(1, halves).mean())
    if excess <= 0:
        return Prior(float(np.exp(logs.mean())), cap)
    half = trigamma_inverse(excess)
    return Prior(float(np.exp(logs.mean() + scipy.special.psi(half) - np.log(half))), min(2 * half, cap))


def trigamma_inverse(value: float) -> float:
    """The y at which trigamma(y) is ``value`` > 0, by Newton's method for 1/trigamma (Smyth 2004,
    appendix)."""
    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    found = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(scipy.special.polygamma(1, found))
        step = trigamma * (1 - trigamma / value) / float(scipy.special.polygamma(2, found))
        found += step
        if -step / found < 1e-8:
            break
    return found
