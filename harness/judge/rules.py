"""The rules of a claim's verdict, on numbers alone: looks, margins, unsteadiness, and how much more would decide it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from harness.judge.evidence import KEEP, Unit
from harness.judge.stats import (
    half_width,
    hodges_lehmann,
    signed_rank_interval,
    signed_rank_p,
    trimmed_interval,
    trimmed_spread,
)
from harness.model import Expect, Outcome


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a verdict asks for; the margin is the claim's own.

    ``alpha`` is two-sided and split evenly over the ``looks`` (numbers of units, ascending); ``keep`` is the share of
    pairs a unit keeps, ``trim`` the share the trimmed interval drops on each side, ``shown`` the alpha of the
    interval that is shown. Raises ValueError for looks that are not ascending or too early for the test to reject.
    """

    looks: tuple[int, ...] = (7, 14, 28)
    alpha: float = 0.05
    keep: float = KEEP
    trim: float = 0.2
    shown: float = 0.05

    def __post_init__(self) -> None:
        if not self.looks or list(self.looks) != sorted(set(self.looks)) or self.looks[0] < 1:
            raise ValueError(f"looks are ascending numbers of units, not {self.looks}")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is in (0, 1), not {self.alpha}")
        if 2.0 ** -self.looks[0] > self.per_look / 2:
            raise ValueError(f"{self.looks[0]} units cannot reach p <= {self.per_look / 2:.3g}; look later or less")

    @property
    def per_look(self) -> float:
        """The two-sided alpha of one look."""
        return self.alpha / len(self.looks)


@dataclass(frozen=True, slots=True)
class LookResult:
    """What a look at the units gave: the outcome, or None while open; the log ratios it went by."""

    outcome: Outcome | None
    units: tuple[float, ...]
    unsteady: bool
    reason: str = ""


def decide(found: Sequence[Unit], expect: Expect, margin: float, thresholds: Thresholds) -> LookResult:
    """The decision of the first look at which one falls; the units after it are not looked at.

    ``margin`` is relative: 0.02 lets ratios from 1/1.02 to 1.02 count as no effect. Without a decision the latest
    units are handed back, those since the last look included.
    """
    for look in thresholds.looks:
        if look > len(found):
            break
        decision = _look(found[:look], expect, margin, thresholds)
        if decision.outcome is not None:
            return decision
    judged, unsteady = judged_by(found[: thresholds.looks[-1]], margin, thresholds)
    return LookResult(None, judged, unsteady)


def judged_by(found: Sequence[Unit], margin: float, thresholds: Thresholds) -> tuple[tuple[float, ...], bool]:
    """The log ratios to judge by, and whether the variant is unsteady and they are those of the totals.

    Unsteady is a variant whose totals depart from the typical ratio by more than the margin beyond what rounds of
    identical code show: those of each side among themselves, of which the calmer side counts, since it is one side
    that stalls. They are half as many and lie further apart than pairs of a block, which errs towards steady.
    """
    quiet = tuple(unit.quiet for unit in found)
    if not found:
        return quiet, False
    gap = signed_rank_interval([unit.total - unit.quiet for unit in found], thresholds.per_look)
    edge = math.log1p(margin)
    if gap is None or not (gap[0] > edge or gap[1] < -edge):
        return quiet, False
    own = [unit.nulls() for unit in found]
    nulls = [signed_rank_interval([pair[side] for pair in own], thresholds.per_look) for side in (0, 1)]
    beyond = edge + min(max(-low, high) for low, high in filter(None, nulls))
    if gap[0] > beyond or gap[1] < -beyond:
        return tuple(unit.total for unit in found), True
    return quiet, False


def further(units: Sequence[float], margin: float, thresholds: Thresholds) -> tuple[int, str]:
    """About how many further units would decide it, and why it is open. Nothing after the last look: (0, reason).

    The estimate goes by the distance of the centre to the margin and the spread so far; past the last look, where no
    decision can fall, it still says how many the effect would take, up to ten times as many.
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
    needed = math.ceil((normal * spread / distance) ** 2) if distance * math.sqrt(far) > normal * spread else far
    at_margin = needed >= far
    needed = max(needed, last + 1)
    why = f"the effect sits at the margin ({effect})" if at_margin else f"needs more than {last} units here ({effect})"
    if not open_looks:
        return 0, f"{count} units did not decide it: {why}"
    return needed - count, f"{count} units leave it open: {why}"


def _look(found: Sequence[Unit], expect: Expect, margin: float, thresholds: Thresholds) -> LookResult:
    judged, unsteady = judged_by(found, margin, thresholds)
    edge = math.log1p(margin)
    level = thresholds.per_look / 2
    above = signed_rank_p(judged, edge, "greater")
    below = signed_rank_p(judged, -edge, "less")
    beyond = Expect.HIGHER if above <= level else Expect.LOWER if below <= level else None
    if beyond is not None:
        outcome = Outcome.HOLDS if expect is beyond else Outcome.FAILS
        return LookResult(
            outcome,
            judged,
            unsteady,
            f"{percent(hodges_lehmann(judged))}, beyond the margin {margin:.3g}: p {min(above, below):.2g} "
            f"at {len(judged)} units",
        )
    low, high = trimmed_interval(judged, thresholds.per_look, thresholds.trim)
    if -edge < low and high < edge:
        outcome = Outcome.HOLDS if expect is Expect.SAME else Outcome.NO_EFFECT
        return LookResult(
            outcome,
            judged,
            unsteady,
            f"{percent(low)} to {percent(high)}, inside the margin {margin:.3g}, at {len(judged)} units",
        )
    return LookResult(None, judged, unsteady)


def percent(log: float) -> str:
    """A log ratio as people say it: +5.1 %; past a factor of two as a factor: 3.20x."""
    ratio = math.exp(log)
    return f"{ratio:.3g}x" if ratio >= 2 or ratio <= 0.5 else f"{100 * (ratio - 1):+.2f} %"
