"""The rules of a claim's verdict, on numbers alone: looks, margins, unsteadiness, and how much more would
decide it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from harness.judge.stats import half_width, hodges_lehmann, signed_rank_p, trimmed_interval, trimmed_spread
from harness.judge.units import KEEP, Unit, judged_by
from harness.model import Expect, Outcome
from harness.plural import percent


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a verdict requires; the margin is the claim's own.

    ``alpha`` is two-sided and split evenly over the ``looks`` (numbers of units, ascending); ``keep`` is the
    share of pairs a unit keeps, ``trim`` the share that the trimmed interval drops on each side. Raises
    ValueError for looks that are not ascending or too early for the test to reject.
    """

    looks: tuple[int, ...] = (7, 14, 28)
    alpha: float = 0.05
    keep: float = KEEP
    trim: float = 0.2

    def __post_init__(self) -> None:
        if not self.looks or list(self.looks) != sorted(set(self.looks)) or self.looks[0] < 1:
            raise ValueError(f"looks are ascending numbers of units, not {self.looks}")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is in (0, 1), not {self.alpha}")
        if 2.0 ** -self.looks[0] > self.per_look / 2:
            raise ValueError(
                f"{self.looks[0]} units cannot reach p <= {self.per_look / 2:.3g}; look later or less"
            )

    @property
    def per_look(self) -> float:
        """The two-sided alpha of one look."""
        return self.alpha / len(self.looks)


@dataclass(frozen=True, slots=True)
class LookResult:
    """The result of a look at the units: the outcome, None while open, and the log ratios that it went by.

    ``p`` is the two-sided p of an effect beyond the margin; None before the first look.
    """

    outcome: Outcome | None
    units: tuple[float, ...]
    unsteady: bool
    reason: str = ""
    p: float | None = None


def decide(found: Sequence[Unit], expect: Expect, margin: float, thresholds: Thresholds) -> LookResult:
    """The decision of the first look at which one falls; the units after it are not looked at.

    ``margin`` is relative: 0.02 lets ratios from 1/1.02 to 1.02 count as no effect. Without a decision the
    result has all units, those since the last look included.
    """
    p = None
    for look in thresholds.looks:
        if look > len(found):
            break
        decision = _look(found[:look], expect, margin, thresholds)
        if decision.outcome is not None:
            return decision
        p = decision.p
    judged, unsteady = judged_by(found[: thresholds.looks[-1]], math.log1p(margin), thresholds.per_look)
    return LookResult(None, judged, unsteady, p=p)


def further(units: Sequence[float], margin: float, thresholds: Thresholds) -> tuple[int, str]:
    """About how many further units would decide it, 0 after the last look, and why it is open.

    The estimate goes by the distance of the centre to the margin and the spread so far; past the last look,
    where no decision can fall, it still estimates how many the effect would take, up to ten times as many.
    """
    count, last = len(units), thresholds.looks[-1]
    if count < max(3, thresholds.looks[0]):
        return max(thresholds.looks[0] - count, 0), f"{count} of {thresholds.looks[0]} units for a first look"
    distance = abs(abs(hodges_lehmann(units)) - math.log1p(margin))
    spread = trimmed_spread(units, thresholds.trim)
    effect = f"{percent(hodges_lehmann(units))}, margin {margin:.3g}"
    open_looks = [look for look in thresholds.looks if look > count]
    for look in open_looks:
        if half_width(spread, look, thresholds.per_look, thresholds.trim) <= distance:
            return look - count, f"{count} units leave it open ({effect}); the look at {look} should decide"
    far = 10 * last
    normal = float(ndtri(1 - thresholds.per_look / 2))
    needed = (
        math.ceil((normal * spread / distance) ** 2) if distance * math.sqrt(far) > normal * spread else far
    )
    at_margin = needed >= far
    needed = max(needed, last + 1)
    why = (
        f"the effect sits at the margin ({effect})"
        if at_margin
        else f"needs more than {last} units here ({effect})"
    )
    if not open_looks:
        return 0, f"{count} units did not decide it: {why}"
    return needed - count, f"{count} units leave it open: {why}"


def _look(found: Sequence[Unit], expect: Expect, margin: float, thresholds: Thresholds) -> LookResult:
    edge = math.log1p(margin)
    judged, unsteady = judged_by(found, edge, thresholds.per_look)
    level = thresholds.per_look / 2
    above = signed_rank_p(judged, edge, "greater")
    below = signed_rank_p(judged, -edge, "less")
    beyond = Expect.HIGHER if above <= level else Expect.LOWER if below <= level else None
    p = min(1.0, 2 * min(above, below))
    if beyond is not None:
        outcome = Outcome.HOLDS if expect is beyond else Outcome.FAILS
        effect = f"{percent(hodges_lehmann(judged))}, beyond the margin {margin:.3g}"
        return LookResult(
            outcome, judged, unsteady, f"{effect}: p {min(above, below):.2g} at {len(judged)} units", p
        )
    low, high = trimmed_interval(judged, thresholds.per_look, thresholds.trim)
    if -edge < low and high < edge:
        outcome = Outcome.HOLDS if expect is Expect.SAME else Outcome.NO_EFFECT
        effect = f"{percent(low)} to {percent(high)}, inside the margin {margin:.3g}"
        return LookResult(outcome, judged, unsteady, f"{effect}, at {len(judged)} units", p)
    return LookResult(None, judged, unsteady, p=p)
