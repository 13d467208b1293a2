"""Differences: the same work measured twice, by two runs, machines or variants, and what changed over many
runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.model.verdict import Comparison


class Differs(StrEnum):
    """The outcome for two sets of samples side by side."""

    LOWER = "lower"
    HIGHER = "higher"
    NOT_SHOWN = "no difference shown"
    TOO_FEW = "too few invocations"


@dataclass(frozen=True, slots=True)
class Difference:
    """What follows for two sets of samples: whether a difference beyond the margin is shown.

    ``counts`` are the processes on either side. ``drift`` is the share by which a run's own level moved while
    it was measured, which the comparison's interval includes.
    """

    comparison: Comparison
    differs: Differs
    counts: tuple[int, int]
    drift: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs between two changes of a level: indices from ``start`` up to ``stop``, the level and its 95 %
    interval.

    ``low`` and ``high`` are None for fewer runs than an interval takes.
    """

    start: int
    stop: int
    level: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """One metric of one variant over many runs: a level each (None where a run has none) and its segments.

    ``changes`` compare the levels of neighbouring segments, the earlier one first. ``p`` is that of the first
    split tested, ``memory`` the correlation between neighbouring runs that the test allowed for.
    """

    case: str
    claim: str
    variant: str
    metric: str
    levels: tuple[float | None, ...]
    stretches: tuple[Segment, ...]
    p: float
    memory: float
    changes: tuple[Comparison, ...] = ()
