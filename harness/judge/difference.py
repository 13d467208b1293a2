"""Two rows of numbers, one number a process: how far apart they lie, and which of many such differences are shown.

Rows of the same blocks are paired: the signed-rank test judges them. Rows of different runs are not: the machine drifts
between runs and processes differ, so that a difference must lie beyond the margin *and* beyond what either run wandered
while it was held (as for a gate against a stored run), by the rank-sum test. A comparison asks many such questions at
once: Benjamini and Hochberg's rule keeps the expected share of false ones among those shown at `ALPHA`, and where
nothing differs at all the chance of showing any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.judge.rules import percent
from harness.judge.sequential import FEWEST, wandering
from harness.judge.stats import (
    hodges_lehmann,
    median_shift,
    rank_sum_interval,
    rank_sum_p,
    signed_rank_interval,
    signed_rank_p,
)
from harness.model import Difference, Differs

ALPHA = 0.05
"""The expected share of false ones among the differences shown."""

SHOWN = 0.05
"""Two-sided level of the intervals that are shown."""


@dataclass(frozen=True, slots=True)
class RawDifference:
    """How far the second row lies from the first, before it is known how many such questions are asked at once.

    Logarithms: ``centre`` with its interval, which holds what the runs may have ``wandered``. ``p`` is the two-sided p
    that the difference is larger than the margin; 1 where there are too few numbers.
    """

    metric: str
    centre: float
    low: float | None
    high: float | None
    p: float
    counts: tuple[int, int]
    margin: float
    wandered: float = 0.0
    paired: bool = False
    exact: bool = False


def paired_shift(metric: str, ratios: Sequence[float], margin: float) -> RawDifference:
    """From the log ratios of processes that measured both side by side. Raises ValueError for none."""
    edge = math.log1p(margin)
    counts = (len(ratios), len(ratios))
    low, high = signed_rank_interval(ratios, SHOWN) or (None, None)
    p = 2 * min(signed_rank_p(ratios, edge, "greater"), signed_rank_p(ratios, -edge, "less"))
    return RawDifference(metric, hodges_lehmann(ratios), low, high, min(1.0, p), counts, margin, paired=True)


def unpaired_shift(
    metric: str, first: Sequence[float], second: Sequence[float], margin: float, *, drifts: bool = True
) -> RawDifference:
    """From logs of two runs, one a process and in the order held; ratios within a run do not drift as levels do.

    Raises ValueError for a row without numbers.
    """
    counts = (len(first), len(second))
    centre = median_shift(first, second)
    if min(counts) < FEWEST:
        return RawDifference(metric, centre, None, None, 1.0, counts, margin)
    drift = max(wandering(first), wandering(second)) if drifts else 0.0
    edge = math.log1p(margin) + drift
    p = 2 * min(rank_sum_p(first, second, edge, "greater"), rank_sum_p(first, second, -edge, "less"))
    low, high = rank_sum_interval(first, second, SHOWN) or (-math.inf, math.inf)
    return RawDifference(metric, centre, low - drift, high + drift, min(1.0, p), counts, margin, drift)


def exact_shift(metric: str, log: float, tolerance: float) -> RawDifference:
    """From one reading each of a metric that repeating leaves as it is: beyond the tolerance it differs."""
    p = 0.0 if abs(log) > math.log1p(tolerance) else 1.0
    return RawDifference(metric, log, None, None, p, (1, 1), tolerance, exact=True)


def settle(shifts: Sequence[RawDifference], alpha: float = ALPHA) -> tuple[Difference, ...]:
    """The differences, in the order of the shifts: which are shown follows from all noisy ones together."""
    asked = [shift for shift in shifts if not shift.exact and min(shift.counts) >= FEWEST]
    limit = shown_up_to([shift.p for shift in asked], alpha)
    return tuple(_settled(shift, limit) for shift in shifts)


def shown_up_to(ps: Sequence[float], alpha: float) -> float:
    """The largest p that Benjamini and Hochberg's step-up rule rejects (J. R. Stat. Soc. B 57, 1995); -1 for none."""
    ordered = np.sort(np.asarray(ps, dtype=np.float64))
    below = np.flatnonzero(ordered <= alpha * np.arange(1, ordered.size + 1) / max(1, ordered.size))
    return float(ordered[below[-1]]) if below.size else -1.0


def _settled(shift: RawDifference, limit: float) -> Difference:
    differs = Differs.NOT_SHOWN
    direction = Differs.HIGHER if shift.centre > 0 else Differs.LOWER
    if shift.exact:
        differs = direction if shift.p == 0 else differs
        reason = "" if shift.p == 0 else f"within {percent(math.log1p(shift.margin))}"
    elif min(shift.counts) < FEWEST:
        differs = Differs.TOO_FEW
        reason = f"{shift.counts[0]} and {shift.counts[1]} invocations; {FEWEST} on both sides say the first thing"
    elif shift.p <= limit:
        differs = direction
        reason = f"p {shift.p:.2g} beyond {_allowed(shift)}"
    else:
        reason = f"{percent(shift.centre)} is not shown to be beyond {_allowed(shift)}"
    low, high = (None, None) if shift.low is None or shift.high is None else (_exp(shift.low), _exp(shift.high))
    return Difference(
        shift.metric,
        differs,
        _exp(shift.centre),
        low,
        high,
        shift.counts,
        math.expm1(min(shift.wandered, 700.0)),
        shift.p,
        shift.paired,
        reason,
    )


def _allowed(shift: RawDifference) -> str:
    margin = f"the margin {100 * shift.margin:.3g} %"
    return f"{margin} and what the runs wandered ({percent(shift.wandered)})" if shift.wandered else margin


def _exp(log: float) -> float:
    return math.exp(max(-700.0, min(700.0, log)))
