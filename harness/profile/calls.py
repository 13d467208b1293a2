"""Who spent it: operators and kernels by name, each with its calls and seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model import Spent
from harness.profile.events import EventKind, TraceEvents
from harness.profile.intervals import Times
from harness.profile.window import TraceWindow


def totals(events: TraceEvents) -> tuple[Spent, ...]:
    """Events that do not nest (kernels, copies, calls) by name, the most expensive first."""
    count = len(events.names)
    calls = np.bincount(events.name, minlength=count)
    seconds = np.bincount(events.name, events.seconds, minlength=count)
    return _spent(events.names, calls, seconds, calls, seconds)


def operators(events: TraceEvents, window: TraceWindow) -> tuple[Spent, ...]:
    """The operators that began within the window, on any thread, by name; dearest first by their own time."""
    inside = (events.start >= window.low) & (events.start < window.high)
    own = events.chosen((events.kind == EventKind.OPERATOR) & inside)
    self_seconds, outer = _nested(own)
    count = len(own.names)
    return _spent(
        own.names,
        np.bincount(own.name, minlength=count),
        np.bincount(own.name, self_seconds, minlength=count),
        np.bincount(own.name[outer], minlength=count),
        np.bincount(own.name[outer], own.seconds[outer], minlength=count),
    )


def _nested(own: TraceEvents) -> tuple[Times, npt.NDArray[np.bool_]]:
    """Of each operator the time outside those that it called, and whether no other one called it."""
    self_seconds = own.seconds.copy()
    outer = np.ones(len(own.start), bool)
    # By thread and start; of two that start together the longer one called the other.
    order = np.lexsort((-own.seconds, own.start, own.thread))
    threads, starts, ends = own.thread[order].tolist(), own.start[order].tolist(), own.end[order].tolist()
    inside: list[tuple[float, int]] = []
    inner: list[int] = []
    callers: list[int] = []
    thread = None
    for place, (index, start, end) in enumerate(zip(order.tolist(), starts, ends, strict=True)):
        if threads[place] != thread:
            thread = threads[place]
            inside.clear()
        while inside and inside[-1][0] <= start:
            inside.pop()
        if inside:
            inner.append(index)
            callers.append(inside[-1][1])
        inside.append((end, index))
    outer[inner] = False
    np.subtract.at(self_seconds, callers, own.seconds[inner])
    return np.maximum(self_seconds, 0.0), outer


def _spent(
    names: tuple[str, ...],
    calls: npt.NDArray[Any],
    seconds: npt.NDArray[Any],
    outer_calls: npt.NDArray[Any],
    outer_seconds: npt.NDArray[Any],
) -> tuple[Spent, ...]:
    dearest = np.argsort(-seconds, kind="stable")
    return tuple(
        Spent(
            names[index],
            int(calls[index]),
            float(seconds[index]),
            int(outer_calls[index]),
            float(outer_seconds[index]),
        )
        for index in dearest.tolist()
        if calls[index]
    )
