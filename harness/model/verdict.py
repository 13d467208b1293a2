"""Verdicts on claims: two sets of samples side by side, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a verdict on a claim.

    Example::

        >>> Outcome("no effect") is Outcome.NO_EFFECT
        True
    """

    HOLDS = "holds"
    FAILS = "fails"
    NO_EFFECT = "no effect"
    INCONCLUSIVE = "inconclusive"
    WRONG = "wrong"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    LOST = "lost"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of samples side by side: the ratio of the second to the first, its 95 % interval, the
    evidence.

    The first is the baseline of a claim, the base of a gate, the earlier run. ``low`` and ``high`` are None
    while there are too few units for an interval, and for exact metrics. ``p`` is that of the judge's test
    for a difference beyond what it tolerates, None where none was made; one-sided in a gate, which looks for
    slow-downs alone, else two-sided. ``paired`` says that both were measured side by side, block by block.
    ``mean_ratio`` compares total times; ``unsteady`` says that it departs from the typical ratio by more than
    identical code does, and that the judgement went by total time. ``throttled`` is the share of the blocks,
    from 0 to 1, in which the GPU's clocks were held back.

    Example::

        >>> found = Comparison("seconds", units=4, ratio=0.8, low=0.75, high=0.85)
        >>> f"{1 - found.ratio:.0%} less, from {found.units} invocations"
        '20% less, from 4 invocations'
    """

    metric: str
    units: int
    ratio: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    paired: bool = True
    mean_ratio: float | None = None
    unsteady: bool = False
    warnings: tuple[str, ...] = ()
    throttled: float = 0.0


@dataclass(frozen=True, slots=True)
class Basis:
    """What the interval of a verdict went by: moderated t.

    ``spread`` is the deviation of one unit (a log ratio) among its own, ``prior`` the one that other cases of
    the run predict, 0 where there are too few of them. ``trusted`` are the degrees of freedom that the
    prior counts for, ``freedom`` those in all, ``moderated`` is the deviation that follows. ``level`` is
    the two-sided level of the latest look, of the first one before it.
    """

    spread: float
    prior: float
    trusted: float
    freedom: float
    moderated: float
    level: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows for one variant of one case.

    ``basis`` is None for exact metrics and fewer than two units. ``more_units`` estimates the further units
    that would decide it. Of a baseline alone, which has nothing to decide, they are those that a later
    comparison needs.

    Example::

        >>> Verdict("a.py::bench_a", "A", "pinned", Outcome.INCONCLUSIVE, more_units=3).decided
        False
    """

    case: str
    claim: str
    variant: str
    outcome: Outcome
    reason: str = ""
    comparison: Comparison | None = None
    more_units: int = 0
    more_seconds: float = 0.0
    basis: Basis | None = None

    @property
    def decided(self) -> bool:
        """Whether more evidence would change nothing."""
        return self.outcome is not Outcome.INCONCLUSIVE and not (
            self.outcome is Outcome.SKIPPED and self.more_units
        )
