"""The rules of a claim's verdict, on numbers alone: looks and their levels, margins, unsteadiness, and how
much more would decide it.

The interval is that of moderated t (`harness.judge.moderated`). It needs no rank test's seven units to decide
a clear effect; the gate, where a false alarm costs most, keeps the exact test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import scipy

from harness.judge.moderated import NO_PRIOR, Centre, Prior, centre_of
from harness.judge.units import KEEP, Unit, judged_by
from harness.model import Expect, Outcome
from harness.plural import percent


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a verdict requires; the margin is the claim's own.

    ``alpha`` is two-sided and split over the ``looks`` (numbers of units, ascending), so that all of them
    together err in no more (Bonferroni); ``keep`` is the share of pairs a unit keeps. Raises ValueError for
    looks that are not ascending or at fewer than two units, which have no spread.
    """

    looks: tuple[int, ...] = (3, 4, 5, 7, 10, 14, 20, 28)
    alpha: float = 0.05
    keep: float = KEEP

    def __post_init__(self) -> None:
        if not self.looks or list(self.looks) != sorted(set(self.looks)) or self.looks[0] < 2:
            raise ValueError(f"looks are ascending numbers of units, 2 or more, not {self.looks}")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is in (0, 1), not {self.alpha}")

    def level(self, units: int) -> float:
        """The two-sided level of the latest look at so many units; of the first look before it.

        The shares rise, 2 : 3 : 4 and so on: the earlier a look, the more of its spread is borrowed from
        other cases, which may be unlike this one.
        """
        passed = sum(1 for look in self.looks if look <= units)
        return self.alpha * (max(1, passed) + 1) / sum(range(2, len(self.looks) + 2))


@dataclass(frozen=True, slots=True)
class LookResult:
    """The result of a look at the units: the outcome, None while open, and what it went by.

    ``centre`` is None without units. ``p`` is the two-sided p of an effect beyond the margin; None before the
    first look. ``level`` is the two-sided one of the latest look, of the first one before it.
    """

    outcome: Outcome | None
    centre: Centre | None
    unsteady: bool
    level: float
    reason: str = ""
    p: float | None = None

    @property
    def units(self) -> int:
        """How many units it went by."""
        return self.centre.units if self.centre else 0


def decide(
    found: Sequence[Unit], expect: Expect, margin: float, thresholds: Thresholds, prior: Prior = NO_PRIOR
) -> LookResult:
    """The decision of the first look at which one falls; the units after it are not looked at.

    ``margin`` is relative: 0.02 lets ratios from 1/1.02 to 1.02 count as no effect. Without a decision the
    result has all units, those since the last look included.
    """
    p = None
    for look in thresholds.looks:
        if look > len(found):
            break
        decision = _look(found[:look], expect, margin, thresholds, prior)
        if decision.outcome is not None:
            return decision
        p = decision.p
    centre, unsteady = judged_centre(found[: thresholds.looks[-1]], margin, thresholds, prior)
    return LookResult(None, centre, unsteady, thresholds.level(len(found)), p=p)


def judged_centre(
    found: Sequence[Unit], margin: float, thresholds: Thresholds, prior: Prior = NO_PRIOR
) -> tuple[Centre | None, bool]:
    """The centre of the log ratios to judge by, None without units, and whether they are those of the
    totals."""
    level = thresholds.level(len(found))
    # An unsteady variant's totals have a spread of their own, which no other case foretells.
    judged, unsteady = judged_by(found, math.log1p(margin), lambda values: centre_of(values).interval(level))
    return (centre_of(judged, NO_PRIOR if unsteady else prior) if judged else None), unsteady


def further(result: LookResult, margin: float, thresholds: Thresholds) -> tuple[int, str]:
    """About how many further units would decide it, 0 after the last look, and why it is open.

    The estimate goes by the distance of the centre to the margin and the spread so far; past the last look,
    where no decision can fall, it still estimates how many the effect would take, up to ten times as many.
    """
    count, first, last = result.units, thresholds.looks[0], thresholds.looks[-1]
    if result.centre is None or count < first:
        return first - count, f"{count} of {first} units for a first look"
    centre = result.centre
    distance = abs(abs(centre.mean) - math.log1p(margin))
    effect = f"{percent(centre.mean)}, margin {margin:.3g}"
    open_looks = [look for look in thresholds.looks if look > count]
    for look in open_looks:
        if centre.half_width(thresholds.level(look), look) <= distance:
            return look - count, f"{count} units leave it open ({effect}); the look at {look} should decide"
    far = 10 * last
    reach = float(scipy.special.ndtri(1 - thresholds.level(last) / 2)) * centre.deviation
    needed = math.ceil((reach / distance) ** 2) if distance * math.sqrt(far) > reach else far
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


def _look(
    found: Sequence[Unit], expect: Expect, margin: float, thresholds: Thresholds, prior: Prior
) -> LookResult:
    edge, level = math.log1p(margin), thresholds.level(len(found))
    centre, unsteady = judged_centre(found, margin, thresholds, prior)
    if centre is None:
        raise ValueError("a look needs units")
    (low, high), p = centre.interval(level), centre.p(edge)
    beyond = Expect.HIGHER if low > edge else Expect.LOWER if high < -edge else None
    if beyond is not None:
        outcome = Outcome.HOLDS if expect is beyond else Outcome.FAILS
        effect = f"{percent(centre.mean)}, beyond the margin {margin:.3g}"
        return LookResult(outcome, centre, unsteady, level, f"{effect}: p {p:.2g} at {centre.units} units", p)
    if -edge < low and high < edge:
        outcome = Outcome.HOLDS if expect is Expect.SAME else Outcome.NO_EFFECT
        effect = f"{percent(low)} to {percent(high)}, inside the margin {margin:.3g}"
        return LookResult(outcome, centre, unsteady, level, f"{effect}, at {centre.units} units", p)
    return LookResult(None, centre, unsteady, level, p=p)
