"""A run over time: which process did what and when, and where the run stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

THE_RUN = -1
"""The number of what the run does apart from its measuring processes."""


class Activity(StrEnum):
    """What a process does for a while, the most useful first."""

    ROUNDS = "rounds"
    WARM_UP = "warm-up"
    SET_UP = "set-up"
    WEIGHING = "weighing"
    TRACING = "tracing"
    CEILINGS = "ceilings"
    COLLECTING = "collecting"
    IMPORT = "import"
    ENDING = "ending"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Span:
    """One process doing one thing, from and to, in seconds of the machine's monotonic clock.

    ``process`` is the number of its log, 0 for the one that collects, `THE_RUN` for what no measuring process
    does. ``case`` and ``invocation`` say what for, where it is for one.
    """

    process: int
    activity: Activity
    begin: float
    end: float
    case: str = ""
    invocation: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Timeline:
    """The spans of a run, in the order in which they ended; ``start`` and ``end`` are the run's own moments.

    A run that was killed has no end; it is then that of the last span. Runs of earlier versions have no
    spans.
    """

    start: float = 0.0
    end: float = 0.0
    spans: tuple[Span, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return max(0.0, self.end - self.start)


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands: seconds since it began, until its budget is used up, and until it is likely to end.

    ``decided`` counts verdicts, ``open`` cases that are still to be measured.
    """

    seconds: float
    left: float
    ends: float
    decided: int
    open: int
