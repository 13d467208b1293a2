"""Two rows of numbers, one number a process: how far apart they lie, and which of many such differences are
shown.

Rows of the same blocks are paired: the signed-rank test judges them. Rows of different runs are not: the
machine drifts between runs and processes differ, so that a difference must lie beyond the margin *and* beyond
the drift of either run (as for a gate against a stored run), by the rank-sum test. A comparison makes many
such tests at once: Benjamini and Hochberg's rule keeps the expected share of false ones among the differences
shown at `ALPHA`, and where nothing differs at all the chance of showing any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.judge.sequential import FEWEST, drift
from harness.judge.stats import median_shift, rank_sum_interval, rank_sum_p, signed_rank_p
from harness.judge.units import SHOWN, compared, log_ratio
from harness.model import Comparison, Difference, Differs
from harness.plural import percent

ALPHA = 0.05
"""The expected share of false ones among the differences shown."""


@dataclass(frozen=True, slots=True)
class RawDifference:
    """How far the second row lies from the first, before it is known how many such tests are made at once.

    The comparison's interval includes the ``drift`` of the runs, a log ratio; its ``p`` is the two-sided p
    that the difference is larger than the margin, 1 where there are too few numbers. An ``exact`` metric's is
    0 or 1.
    """

    comparison: Comparison
    counts: tuple[int, int]
    margin: float
    p: float
    drift: float = 0.0
    exact: bool = False


def paired_shift(metric: str, ratios: Sequence[float], margin: float) -> RawDifference:
    """From the log ratios of processes that measured both side by side. Raises ValueError for none."""
    edge = math.log1p(margin)
    p = min(1.0, 2 * min(signed_rank_p(ratios, edge, "greater"), signed_rank_p(ratios, -edge, "less")))
    return RawDifference(compared(metric, ratios, unsteady=False, p=p), (len(ratios), len(ratios)), margin, p)


def unpaired_shift(
    metric: str, first: Sequence[float], second: Sequence[float], margin: float, *, drifts: bool = True
) -> RawDifference:
    """From logs of two runs, one a process in the order measured; ratios within a run do not drift as levels
    do.

    Raises ValueError for a row without numbers.
    """
    counts = (len(first), len(second))
    ratio = _exp(median_shift(first, second))
    if min(counts) < FEWEST:
        return RawDifference(Comparison(metric, counts[1], ratio, p=1.0, paired=False), counts, margin, 1.0)
    drifted = max(drift(first), drift(second)) if drifts else 0.0
    edge = math.log1p(margin) + drifted
    p = min(
        1.0, 2 * min(rank_sum_p(first, second, edge, "greater"), rank_sum_p(first, second, -edge, "less"))
    )
    low, high = rank_sum_interval(first, second, SHOWN) or (-math.inf, math.inf)
    found = Comparison(metric, counts[1], ratio, _exp(low - drifted), _exp(high + drifted), p=p, paired=False)
    return RawDifference(found, counts, margin, p, drifted)


def exact_shift(metric: str, first: float, second: float, tolerance: float) -> RawDifference:
    """From one reading each of a metric that repeating leaves as it is: beyond the tolerance it differs."""
    log = log_ratio(first, second)
    p = 0.0 if abs(log) > math.log1p(tolerance) else 1.0
    found = Comparison(metric, 1, _exp(log), p=p, paired=False)
    return RawDifference(found, (1, 1), tolerance, p, exact=True)


def settle(shifts: Sequence[RawDifference], alpha: float = ALPHA) -> tuple[Difference, ...]:
    """The differences, in the order of the shifts: which are shown follows from all noisy ones together."""
    tested = [shift for shift in shifts if not shift.exact and min(shift.counts) >= FEWEST]
    limit = shown_up_to([shift.p for shift in tested], alpha)
    return tuple(_settled(shift, limit) for shift in shifts)


def shown_up_to(ps: Sequence[float], alpha: float) -> float:
    """The largest p that Benjamini and Hochberg's step-up rule rejects (J. R. Stat. Soc. B 57, 1995); -1 for
    none."""
    ordered = np.sort(np.asarray(ps, dtype=np.float64))
    below = np.flatnonzero(ordered <= alpha * np.arange(1, ordered.size + 1) / max(1, ordered.size))
    return float(ordered[below[-1]]) if below.size else -1.0


def _settled(shift: RawDifference, limit: float) -> Difference:
    differs = Differs.NOT_SHOWN
    direction = Differs.HIGHER if shift.comparison.ratio > 1 else Differs.LOWER
    if shift.exact:
        differs = direction if shift.p == 0 else differs
        reason = "" if shift.p == 0 else f"within {percent(math.log1p(shift.margin))}"
    elif min(shift.counts) < FEWEST:
        differs = Differs.TOO_FEW
        reason = (
            f"{shift.counts[0]} and {shift.counts[1]} invocations; a difference needs {FEWEST} on both sides"
        )
    elif shift.p <= limit:
        differs = direction
        reason = f"p {shift.p:.2g} beyond {_allowed(shift)}"
    else:
        reason = f"{percent(math.log(shift.comparison.ratio))} is not shown to be beyond {_allowed(shift)}"
    return Difference(shift.comparison, differs, shift.counts, math.expm1(min(shift.drift, 700.0)), reason)


def _allowed(shift: RawDifference) -> str:
    margin = f"the margin {100 * shift.margin:.3g} %"
    return f"{margin} and the drift of the runs ({percent(shift.drift)})" if shift.drift else margin


def _exp(log: float) -> float:
    return math.exp(max(-700.0, min(700.0, log)))
