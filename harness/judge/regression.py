"""The gate's rule: is head slower than base by more than can be tolerated? On numbers alone.

D is the centre of log(head/base). *Regressed* is what the exact signed-rank test puts beyond the tolerated
difference, at a level that holds for the whole suite: the suite's alpha is split over its decisions and, in
each, over the looks; half goes to the first. What is clearly slower is called so earlier, by a t test against
a slow-down far beyond the target, at a level that the first look cannot use. What has regressed hands its
share on to the others (Holm's procedure). *Unchanged* is what a trimmed (Yuen) t test puts below most of the
target. What is neither when the looks run out is inconclusive, and never green. What is unchanged and shown
to be faster by more than is tolerated is *improved*.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from harness.judge.stats import (
    hodges_lehmann,
    signed_rank_interval,
    signed_rank_p,
    student_p,
    trimmed_upper,
)
from harness.judge.units import KEEP, SECONDS, SHOWN, Unit, compared, compared_readings, judged_by
from harness.model import (
    BelowTarget,
    BeyondTolerated,
    Claim,
    ClearlySlower,
    Comparison,
    GateOutcome,
    GateReason,
    GateVerdict,
    LooksAhead,
    NeitherShown,
    StillOpen,
    metric,
)


@dataclass(frozen=True, slots=True)
class GateThresholds:
    """The gate's limits; every relative quantity is a share: 0.05 is 5 %.

    ``target`` is the slow-down that must be caught, ``loader_target`` the one of data loaders; ``tolerated``
    and ``near`` are shares of it: a difference up to ``tolerated`` of the target is none, and what is shown
    to be below ``near`` of it is unchanged. ``alpha`` is the chance of any false alarm in the whole suite,
    ``beta`` that of one look to call a slow-down of ``near`` of the target unchanged. An exact metric has
    changed where it differs by more than ``bytes_tolerance``; one in bytes must also differ by more than
    ``bytes_floor`` bytes. Few units suffice for what is shown to be slower by more than ``clear``, where
    units are taken to vary by ``spread`` at the least: three that happen to agree say little about how far
    others lie. Raises ValueError for what cannot work.
    """

    target: float = 0.05
    loader_target: float = 0.10
    tolerated: float = 0.2
    near: float = 0.8
    alpha: float = 0.01
    beta: float = 0.01
    failing_looks: tuple[int, ...] = (14, 18, 22, 30, 50)
    passing_looks: tuple[int, ...] = (6, 8, 10, 14, 20, 30, 50)
    clear: float = 0.5
    clear_looks: tuple[int, ...] = (3, 4, 5)
    spread: float = 0.05
    keep: float = KEEP
    trim: float = 0.2
    bytes_tolerance: float = 0.01
    bytes_floor: int = 2**20

    def __post_init__(self) -> None:
        for name in (
            "target", "loader_target", "tolerated", "near", "alpha", "beta", "clear", "spread", "keep"
        ):  # fmt: skip
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {value}")
        if not self.tolerated < self.near:
            raise ValueError(f"tolerated ({self.tolerated}) lies below near ({self.near})")
        if not 0 <= self.trim < 0.5:
            raise ValueError(f"trim is a share in [0, 0.5), not {self.trim}")
        if not 0 <= self.bytes_tolerance < 1:
            raise ValueError(f"bytes_tolerance is a share in [0, 1), not {self.bytes_tolerance}")
        if self.bytes_floor < 0:
            raise ValueError(f"bytes_floor is a number of bytes from 0 up, not {self.bytes_floor}")
        for name in ("failing_looks", "passing_looks", "clear_looks"):
            looks = getattr(self, name)
            if not looks or list(looks) != sorted(set(looks)) or looks[0] < 1:
                raise ValueError(f"{name} are ascending numbers of units, not {looks}")

    def of(self, claim: Claim) -> GateThresholds:
        """Those of one benchmark, which may have a target of its own; alpha stays that of the suite."""
        if claim.target is None:
            return self
        return replace(self, target=claim.target, loader_target=claim.target)

    @property
    def cap(self) -> int:
        """The most units a decision can use."""
        return max(self.failing_looks[-1], self.passing_looks[-1])


@dataclass(frozen=True, slots=True)
class Rule:
    """The thresholds as they apply to one decision of a suite: looks and levels are settled.

    ``levels`` are the one-sided p at which the failing looks reject, one a look; ``clear_level`` is that of
    each look at what is clearly slower.
    """

    target: float
    tolerated: float
    near: float
    levels: tuple[float, ...]
    beta: float
    failing_looks: tuple[int, ...]
    passing_looks: tuple[int, ...]
    trim: float
    clear: float
    clear_level: float
    clear_looks: tuple[int, ...]
    spread: float

    @property
    def looks(self) -> tuple[int, ...]:
        """All numbers of units at which something may be decided."""
        return tuple(sorted({*self.clear_looks, *self.failing_looks, *self.passing_looks}))

    def ahead(self, units: int) -> LooksAhead:
        """The next looks after so many units."""
        kinds = (self.passing_looks, self.failing_looks)
        return LooksAhead(*(next((look for look in looks if look > units), None) for looks in kinds))


def rule_for(thresholds: GateThresholds, decisions: int, *, loader: bool = False, regressed: int = 0) -> Rule:
    """The rule of one among so many noisy decisions, of which others have ``regressed`` already.

    n units reach a p of 2**-n and no less, so the first failing look comes as early as its level allows:
    before the first that is stated in a small suite, after it in a large one. It has half of the decision's
    alpha, because an earlier first look saves every regressed decision a unit, and the later ones share the
    other half. What the first look's half is more than its 2**-n goes to looks before it, which know
    Student's t and a clear slow-down alone; at least `FOR_CLEAR` of the half does.

    Each level is that of a suite of only those that have not regressed (Holm 1979, "A simple sequentially
    rejective multiple test procedure"); looks stay where the whole suite has them. Levels only grow with what
    is regressed, at every look, so that among any of the decisions the first false alarm would have had to
    pass a test that splits alpha over at least those: the chance of one in the suite stays below alpha, also
    where a look is taken again with the larger level. Raises ValueError for no decisions, and where all of
    them have regressed.
    """
    if decisions < 1:
        raise ValueError("a suite without a decision has no rule")
    if not 0 <= regressed < decisions:
        raise ValueError(f"{regressed} of {decisions} decisions regressed leave none to rule on")
    target = thresholds.loader_target if loader else thresholds.target
    share, alpha = thresholds.alpha / decisions, thresholds.alpha / (decisions - regressed)
    first = _units_for((1 - FOR_CLEAR) * share / 2)
    later = tuple(look for look in thresholds.failing_looks if look >= first + APART)
    if later:
        spare = share / 2 - 2.0**-first
        looks: tuple[int, ...] = (first, *later)
        levels: tuple[float, ...] = (alpha / 2 - spare, *[alpha / 2 / len(later)] * len(later))
    else:
        spare = FOR_CLEAR * share
        looks, levels = (max(_units_for(share - spare), thresholds.failing_looks[-1]),), (alpha - spare,)
    early = tuple(look for look in thresholds.clear_looks if look < looks[0])
    return Rule(
        math.log1p(target),
        math.log1p(thresholds.tolerated * target),
        math.log1p(thresholds.near * target),
        levels,
        thresholds.beta,
        looks,
        thresholds.passing_looks,
        thresholds.trim,
        math.log1p(max(thresholds.clear, target)),
        spare / max(1, len(early)),
        early,
        thresholds.spread,
    )


SPREAD_KNOWN = 2
"""Degrees of freedom that the least spread of units counts for: as much as other cases do beside a
claim's."""

FOR_CLEAR = 0.02
"""The least share of a first look's level that goes to the looks at what is clearly slower."""

APART = 3
"""The fewest units between the first failing look and the next: fewer add hardly any evidence, and cost a
share."""


def _units_for(level: float) -> int:
    """The fewest units whose smallest p, where all lie beyond, reaches the level."""
    return math.ceil(-math.log2(level))


@dataclass(frozen=True, slots=True)
class Ruling:
    """The result of the units so far: head against base, and the outcome, None while open."""

    outcome: GateOutcome | None
    comparison: Comparison
    reason: GateReason


def rule(found: Sequence[Unit], by: Rule) -> Ruling:
    """The ruling of the first look at which a decision falls; later units are not looked at.

    Past the last look what is still open is inconclusive. Raises ValueError for no units.
    """
    if not found:
        raise ValueError("a ruling needs at least one unit")
    for look in by.looks:
        if look > len(found):
            break
        ruling = _look(found[:look], by, look)
        if ruling is not None:
            return ruling
    judged, unsteady = gate_ratios(found, by)
    head = compared(SECONDS, judged, unsteady=unsteady)
    if len(found) >= by.looks[-1]:
        return Ruling(GateOutcome.INCONCLUSIVE, head, NeitherShown(hodges_lehmann(judged), len(found)))
    return Ruling(None, head, StillOpen(len(found), by.ahead(len(found))))


def _look(found: Sequence[Unit], by: Rule, look: int) -> Ruling | None:
    """The ruling of a look that decides; None where it leaves the decision open."""
    judged, unsteady = gate_ratios(found, by)
    if look in by.clear_looks:
        p = student_p(judged, by.clear, by.spread, SPREAD_KNOWN)
        if p <= by.clear_level:
            far = ClearlySlower(hodges_lehmann(judged), p, by.clear_level, look)
            return Ruling(GateOutcome.REGRESSED, compared(SECONDS, judged, unsteady=unsteady, p=p), far)
    if look in by.failing_looks:
        p, level = signed_rank_p(judged, by.tolerated, "greater"), by.levels[by.failing_looks.index(look)]
        if p <= level:
            shown = BeyondTolerated(hodges_lehmann(judged), p, level, look)
            return Ruling(GateOutcome.REGRESSED, compared(SECONDS, judged, unsteady=unsteady, p=p), shown)
    if look in by.passing_looks:
        upper = trimmed_upper(judged, by.beta, by.trim)
        if upper < by.near:
            interval = signed_rank_interval(judged, SHOWN)
            # what was improved costs nothing where it is wrong, and so goes by the interval that is shown
            faster = interval is not None and interval[1] < -by.tolerated
            outcome = GateOutcome.IMPROVED if faster else GateOutcome.UNCHANGED
            reason = BelowTarget(hodges_lehmann(judged), upper, look)
            return Ruling(outcome, compared(SECONDS, judged, unsteady=unsteady), reason)
    return None


def gate_ratios(found: Sequence[Unit], by: Rule) -> tuple[tuple[float, ...], bool]:
    """The log ratios to go by, and whether they are those of the totals, as head or base stalls now and
    then."""
    return judged_by(found, by.near, partial(signed_rank_interval, alpha=_STALLS))


_STALLS = 0.04
"""Two-sided level at which totals are found to depart from the typical ratio: six units can reach 1/32."""


def levels(found: Sequence[Unit], ruling: Ruling) -> tuple[float | None, float | None]:
    """Seconds an iteration of base and head take, whose ratio is the ruling's; None where a side took
    none."""
    head = ruling.comparison
    logs = [unit.levels()[int(head.unsteady)] for unit in found[: head.units]]
    known = [log for log in logs if math.isfinite(log)]
    if not known:
        return None, None
    centre, half = median(known), math.log(head.ratio) / 2
    return math.exp(centre - half), math.exp(centre + half)


def rule_exact(
    name: str, base: float, head: float, thresholds: GateThresholds, accepted: Container[str] = ()
) -> tuple[GateOutcome, Comparison]:
    """The outcome of an exact metric, lower being better: changed where it differs by more than tolerance and
    floor.

    A regression of a metric that is ``accepted`` beforehand is accepted.
    """
    floor = thresholds.bytes_floor if metric(name).unit == "B" else 0
    if max(base, head) <= min(base, head) * (1 + thresholds.bytes_tolerance) or abs(head - base) <= floor:
        outcome = GateOutcome.UNCHANGED
    elif head < base:
        outcome = GateOutcome.IMPROVED
    else:
        outcome = GateOutcome.ACCEPTED if name in accepted else GateOutcome.REGRESSED
    return outcome, compared_readings(name, base, head)


def status_of(verdicts: Iterable[GateVerdict]) -> int:
    """The exit status: 1 where something regressed, else 3 where something could not be judged, else 0.

    Nothing judged at all is 3, too.
    """
    outcomes = {verdict.outcome for verdict in verdicts}
    if GateOutcome.REGRESSED in outcomes:
        return 1
    return 0 if outcomes & _GREEN and not outcomes & _NEVER_GREEN else 3


_GREEN = {GateOutcome.IMPROVED, GateOutcome.UNCHANGED, GateOutcome.ACCEPTED}
_NEVER_GREEN = {
    GateOutcome.INCONCLUSIVE,
    GateOutcome.MISSING,
    GateOutcome.WRONG,
    GateOutcome.FAILED,
    GateOutcome.TIMED_OUT,
}
"""What is new or skipped on both sides is listed, and changes no exit status."""
