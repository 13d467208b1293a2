"""What units predict: how clear a case is, how many more would decide it, and what could be resolved."""

from __future__ import annotations

import math
from collections.abc import Sequence

import scipy

from harness.judge.regression import GateThresholds, Rule, gate_ratios
from harness.judge.stats import hodges_lehmann, trimmed_spread
from harness.judge.units import Unit
from harness.model import GateOutlook


def clear(found: Sequence[Unit], by: Rule) -> bool:
    """Whether the units lie so evenly far from what is tolerated that coarser ones would lie on the same side
    of it.

    By distances alone, whichever the side: were head just as slow as is tolerated, the signs of later units
    would still be as likely one way as the other, which is all that the signed-rank test requires.
    """
    return len(found) >= by.passing_looks[0] and evenly_far(found, by)


def evenly_far(found: Sequence[Unit], by: Rule) -> bool:
    """Whether a few units already lie evenly far from what is tolerated, on either side."""
    if len(found) < FEW:
        return False
    distances = [abs(unit.quiet - by.tolerated) for unit in found]
    return min(distances) >= EVEN * max(distances)


FEW = 3
"""The fewest units of which it is decided whether they lie evenly far off."""

EVEN = 0.5
"""The share of the largest distance that the smallest must reach for units to be evenly far off."""


def noise(found: Sequence[Unit], by: Rule, tolerated: float) -> tuple[float, float] | None:
    """The deviation of one unit, and the smallest slow-down these units could tell from none, both as shares.

    Smallest is what the test would call regressed with a chance of 95 % after `NOISE_UNITS` units of that
    deviation, ``tolerated`` of it being allowed; by Student's t, of which the signed-rank test is worth 3/pi
    (Pitman's efficiency). None for fewer than four units.
    """
    if len(found) < 4:
        return None
    spread = trimmed_spread([unit.quiet for unit in found], by.trim)
    needed = float(
        scipy.special.stdtrit(NOISE_UNITS - 1, 1 - by.levels[-1])
        + scipy.special.stdtrit(NOISE_UNITS - 1, 0.95)
    )
    reach = needed * spread / math.sqrt(NOISE_UNITS * 3 / math.pi)
    return math.expm1(spread), math.expm1(reach / (1 - tolerated))


NOISE_UNITS = 22
"""Units for which the smallest resolvable slow-down is stated: a failing look of suites of any usual size."""


def needed(found: Sequence[Unit], by: Rule) -> int:
    """About how many units of this kind would decide, for the better or the worse; 0 for too few to estimate.

    By the estimate and the deviation so far, with a chance of 80 %; Student's t stands for the signed-rank
    test, which is worth 3/pi of it.
    """
    if len(found) < by.passing_looks[0]:
        return 0
    judged, _ = gate_ratios(found, by)
    centre, spread = hodges_lehmann(judged), trimmed_spread(judged, by.trim)
    ways = ((centre - by.tolerated, by.levels[-1], math.pi / 3), (by.near - centre, by.beta, 1.0))
    power = float(scipy.special.ndtri(0.8))
    # A distance of nothing is never decided.
    counts = [
        worth * ((float(scipy.special.ndtri(1 - level)) + power) * spread / distance) ** 2
        for distance, level, worth in ways
        if distance > 0
    ]
    return min(FOREVER, math.ceil(min(counts, default=FOREVER)))


FOREVER = 10_000
"""The largest number of units that is stated."""


def outlook(
    found: Sequence[Unit], by: Rule, thresholds: GateThresholds, *, loader: bool
) -> GateOutlook | None:
    """Why a decision is not likely to be made; None where it is."""
    units = needed(found, by)
    most = by.looks[-1]
    if units <= most:
        return None
    target = thresholds.loader_target if loader else thresholds.target
    resolves = noise(found, by, thresholds.tolerated)
    larger = max(2 * target, resolves[1] if resolves else 0.0)
    advised = None if larger > LARGEST_TARGET else larger
    return GateOutlook(units, most, units >= FOREVER, advised, loader)


LARGEST_TARGET = 0.5
"""The largest target that is advised: a gate that lets more pass than this guards nothing."""
