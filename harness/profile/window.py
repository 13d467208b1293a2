"""The part of a trace that counts: from when to when, how many iterations are in it, and whose thread drives
them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.model import ITERATION_MARK, WINDOW_MARK
from harness.profile.events import NONE, EventKind, TraceEvents

_STEP = "ProfilerStep#"


@dataclass(frozen=True, slots=True)
class TraceWindow:
    """From ``low`` to ``high``, in seconds of the trace; ``thread`` is the main thread's place in its
    threads."""

    low: float
    high: float
    iterations: int
    thread: int


def window_of(events: TraceEvents) -> TraceWindow:
    """Our own marked window, else the span of the profiler's steps, else that of all events, as one
    iteration."""
    marks = events.chosen(events.kind == EventKind.MARK)
    for prefix in (WINDOW_MARK, _STEP):
        own = marks.chosen(marks.named(prefix))
        if not len(own.start):
            continue
        # The last of ours: what warmed up before it does not count.
        low = float(own.start[-1] if prefix == WINDOW_MARK else own.start.min())
        high = float(own.end[-1] if prefix == WINDOW_MARK else own.end.max())
        if high <= low:
            continue
        steps = marks.chosen(marks.named(ITERATION_MARK)) if prefix == WINDOW_MARK else own
        inside = int(((steps.start >= low) & (steps.start < high)).sum())
        return TraceWindow(low, high, max(1, inside), int(own.thread[-1]))
    if not len(events.start):
        return TraceWindow(0.0, 0.0, 1, NONE)
    return TraceWindow(0.0, float(events.end.max()), 1, _busiest_thread(events))


def _busiest_thread(events: TraceEvents) -> int:
    """The thread with the most operators, or of the most calls where there is none."""
    for kind in (EventKind.OPERATOR, EventKind.CALL):
        threads = events.thread[events.kind == kind]
        if len(threads):
            return int(np.bincount(threads).argmax())
    return NONE
