"""A unit of evidence: what one invocation shows of a variant, as log ratios; and which of them a judge goes
by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from harness.judge.stats import (
    Floats,
    hodges_lehmann,
    quiet_level,
    quiet_ratio,
    signed_rank_interval,
    total_ratio,
)
from harness.model import Comparison

SECONDS = "seconds"
"""The metric that every measurement has: the time of one iteration."""

UNBOUNDED = math.log(1e9)
"""The largest log ratio, and that of something to nothing: a wait that vanished is a large effect, and
finite."""

KEEP = 0.7
"""The share of pairs that a unit keeps, the quietest ones."""

SHOWN = 0.05
"""Two-sided level of the intervals that are shown."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One invocation's log ratios of a variant to its baseline.

    ``quiet`` is the typical ratio and ``total`` that of the totals. ``nulls`` gives the gap between the two
    that the baseline and the variant each show against themselves, every other round against its neighbour:
    identical code by construction. Computing them is expensive, so it is left to a judge who suspects
    unsteadiness. ``levels`` gives the logs of the geometric mean of both sides, typical and of the totals;
    nan where a side was 0. ``pair_noise`` gives the deviation of one pair's log ratio, as far as one unit
    shows it; 0 for fewer than four pairs.
    """

    quiet: float
    total: float
    nulls: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
    levels: Callable[[], tuple[float, float]] = lambda: (math.nan, math.nan)
    pair_noise: Callable[[], float] = lambda: 0.0


def unit_of(base: Floats, other: Floats, keep: float) -> Unit:
    """The unit of paired rounds, in the metric's unit. Where a round is 0 the totals are compared,
    `UNBOUNDED` at most.

    Raises ValueError for rounds that are negative or not finite, and for none.
    """
    if (base == 0).any() or (other == 0).any():
        return unit_of_readings(float(base.sum()), float(other.sum()))
    return Unit(
        bounded(quiet_ratio(base, other, keep)),
        bounded(total_ratio(base, other)),
        partial(_null_gaps, base, other, keep),
        partial(_levels, base, other, keep),
        partial(_pair_noise, base, other, keep),
    )


def unit_of_readings(base: float, other: float) -> Unit:
    """The unit of one reading of either side."""
    ratio = log_ratio(base, other)
    return Unit(ratio, ratio)


def log_ratio(baseline: float, variant: float) -> float:
    """log(variant/baseline) of numbers that may be 0: no effect where both are, `UNBOUNDED` where one is."""
    if baseline == variant:
        return 0.0
    if baseline <= 0 or variant <= 0:
        return UNBOUNDED if variant > baseline else -UNBOUNDED
    return bounded(math.log(variant) - math.log(baseline))


Interval = Callable[[Sequence[float]], tuple[float, float] | None]
"""The interval of the centre of some log ratios, at the judge's level; None for too few."""


def judged_by(found: Sequence[Unit], edge: float, interval: Interval) -> tuple[tuple[float, ...], bool]:
    """The log ratios to judge by, and whether the variant is unsteady, so that they are those of the totals.

    Unsteady is a variant whose totals depart from the typical ratio, by the ``interval`` of the gap, by more
    than ``edge`` (a log ratio) beyond what rounds of identical code show: those of each side among
    themselves, of which the calmer side counts, since it is one side that stalls. They are half as many and
    lie further apart than pairs of a block, which errs towards steady.
    """
    quiet = tuple(unit.quiet for unit in found)
    gap = interval([unit.total - unit.quiet for unit in found]) if found else None
    if gap is None or not (gap[0] > edge or gap[1] < -edge):
        return quiet, False
    own = [unit.nulls() for unit in found]
    nulls = [interval([pair[side] for pair in own]) for side in (0, 1)]
    beyond = edge + min(max(-low, high) for low, high in filter(None, nulls))
    if gap[0] > beyond or gap[1] < -beyond:
        return tuple(unit.total for unit in found), True
    return quiet, False


def compared(metric: str, judged: Sequence[float], *, unsteady: bool, p: float | None = None) -> Comparison:
    """The comparison that paired log ratios amount to: their centre and its exact interval at level 1 -
    `SHOWN`.

    Raises ValueError for none.
    """
    interval = signed_rank_interval(judged, SHOWN)
    low, high = (None, None) if interval is None else (math.exp(interval[0]), math.exp(interval[1]))
    return Comparison(
        metric, len(judged), math.exp(hodges_lehmann(judged)), low, high, p=p, paired=True, unsteady=unsteady
    )


def compared_readings(metric: str, base: float, other: float, warnings: tuple[str, ...] = ()) -> Comparison:
    """The comparison of an exact metric's readings; infinite where only the baseline's is 0, and 1 where both
    are."""
    ratio = 1.0 if base == other else other / base if base else math.inf
    return Comparison(metric, 1, ratio, paired=True, warnings=warnings)


def bounded(log: float) -> float:
    """A log ratio within `UNBOUNDED` either way."""
    return max(-UNBOUNDED, min(UNBOUNDED, log))


def _levels(base: Floats, other: Floats, keep: float) -> tuple[float, float]:
    return quiet_level(base, other, keep), (math.log(base.mean()) + math.log(other.mean())) / 2


def _pair_noise(base: Floats, other: Floats, keep: float) -> float:
    if base.size < 4:
        return 0.0
    even, odd = (quiet_ratio(base[start::2], other[start::2], keep) for start in (0, 1))
    # Half the difference of the halves varies as the mean of all pairs does.
    return abs(even - odd) / 2 * math.sqrt(base.size)


def _null_gaps(base: Floats, other: Floats, keep: float) -> tuple[float, float]:
    return _null_gap(base, keep), _null_gap(other, keep)


def _null_gap(rounds: Floats, keep: float) -> float:
    even, odd = rounds[0::2], rounds[1::2]
    if len(odd) == 0:
        return 0.0
    even = even[: len(odd)]
    return bounded(total_ratio(even, odd) - quiet_ratio(even, odd, keep))
