"""Differences: the same work measured twice, by two runs, machines or variants, and what changed over many runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Differs(StrEnum):
    """The word for two sets of samples side by side."""

    LOWER = "lower"
    HIGHER = "higher"
    NOT_SHOWN = "no difference shown"
    TOO_FEW = "too few invocations"


@dataclass(frozen=True, slots=True)
class Difference:
    """The ratio second/first of a metric with its 95 % interval, and whether a difference beyond the margin is shown.

    ``counts`` are the processes on either side, ``wandered`` the share by which a run's own level moved while it was
    held, which the interval holds on top. ``paired`` says that both were measured side by side, block by block.
    ``low`` and ``high`` are None for too few processes and for exact metrics; ``p`` is two-sided.
    """

    metric: str
    differs: Differs
    ratio: float
    low: float | None
    high: float | None
    counts: tuple[int, int]
    wandered: float = 0.0
    p: float = 1.0
    paired: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs between two changes of a level: indices from ``start`` up to ``stop``, the level and its 95 % interval.

    ``low`` and ``high`` are None for fewer runs than an interval takes.
    """

    start: int
    stop: int
    level: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """One metric of one variant over many runs: a level each (None where a run has none) and its stretches.

    ``p`` is that of the first split tested, ``memory`` the correlation between neighbouring runs that the test allowed
    for.
    """

    case: str
    claim: str
    variant: str
    metric: str
    levels: tuple[float | None, ...]
    stretches: tuple[Segment, ...]
    p: float
    memory: float
