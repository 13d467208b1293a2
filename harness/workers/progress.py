"""How far a measuring process has come through its cases, what it spent its time on, and why it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.model import Activity, Span
from harness.processes.live import exit_reason
from harness.workers.protocol import CountPlan, IsolatedPlan, MeasurePlan, Plan, TracePlan

ACTIVITIES: Mapping[type[Plan], Activity] = {
    MeasurePlan: Activity.ROUNDS,
    IsolatedPlan: Activity.WEIGHING,
    CountPlan: Activity.WEIGHING,
    TracePlan: Activity.TRACING,
}
"""What a process does with its cases."""


@dataclass(slots=True)
class WorkerProgress:
    """How far a process has come through its cases: the case in flight, and since when that or none is.

    ``spans`` is called with what is over: what it did with a case (``activity``), or getting ready for one.
    """

    process: int
    invocation: int
    activity: Activity
    spans: Callable[[Span], object]
    case: str | None = None
    since: float = field(default_factory=time.monotonic)

    def moves(self, case: str | None) -> None:
        """Another case begins, or none is in flight any more."""
        self._over(self.case or case or "", Activity.SET_UP if self.case is None else self.activity)
        self.case, self.since = case, time.monotonic()

    def ends(self) -> None:
        """The process is gone."""
        self._over(self.case or "", Activity.ENDING if self.case is None else self.activity)

    def _over(self, case: str, activity: Activity) -> None:
        self.spans(Span(self.process, activity, self.since, time.monotonic(), case, self.invocation))

    @property
    def seconds(self) -> float:
        """Since the case began, or the last one ended."""
        return time.monotonic() - self.since


def why_unfinished(status: int | None) -> str:
    """Why a process did not finish its case, by its exit status; None if it goes on without a channel."""
    match status:
        case None | 1:  # pytest came to its end, and could not send what became of the case
            return "it closed the connection of its process to tipbench: close no descriptors that it did not open"
        case 2:
            return "it raised KeyboardInterrupt, which ended its process"
    return exit_reason(status)
