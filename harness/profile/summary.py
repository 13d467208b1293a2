"""A trace in numbers: busy and idle time and what the idle part waited for, launches, operators, kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.model import TraceSummary
from harness.profile.calls import operators, totals
from harness.profile.events import EventKind, TraceEvents, read
from harness.profile.idle import (
    HostTimes,
    driving,
    host_idle,
    host_times,
    idle_parts,
    is_copying,
    is_synchronisation,
)
from harness.profile.intervals import Times, intersection, length, union, within
from harness.profile.kernels import tensor_cores
from harness.profile.window import TraceWindow, window_of

MOST_NAMES = 60
"""Operators and kernels kept of each: what comes after them is little, and a record is one line."""


def summarise(path: Path) -> TraceSummary:
    """Read and summarise a Chrome trace. Raises TraceError."""
    return summary(read(path))


def summary(events: TraceEvents) -> TraceSummary:
    """Summarise events within their window: the one our own pass marked, else the profiler's steps, else all
    of it.

    Of several GPUs it is the busiest one that is looked at.
    """
    window = window_of(events)
    device = busiest(events)
    return _of_host(events, window) if device is None else _of_device(events, window, device)


def busiest(events: TraceEvents) -> TraceEvents | None:
    """What the device with the most kernels, copies and fills did; None where nothing ran on any."""
    there = events.kind >= EventKind.KERNEL
    if not there.any():
        return None
    counts = np.bincount(events.device[there], minlength=len(events.devices))
    return events.chosen(there & (events.device == int(counts.argmax())))


def busy_times(device: TraceEvents) -> Times:
    """The time in which a device did anything at all, whatever the stream."""
    return union(device.start, device.end)


def _of_device(events: TraceEvents, window: TraceWindow, everything: TraceEvents) -> TraceSummary:
    low, high = window.low, window.high
    device = everything.chosen((everything.end > low) & (everything.start < high))
    host = host_times(events, window, everything)
    busy = within(busy_times(device), low, high)
    parts = idle_parts(busy, everything, events, host, window)
    kernels = device.chosen(device.kind == EventKind.KERNEL)
    copied = device.chosen(device.kind == EventKind.COPY)
    own_seconds = float(kernels.seconds.sum())
    in_copies = union(copied.start, copied.end)
    in_both = intersection(in_copies, union(kernels.start, kernels.end))
    on_tensor_cores = float(kernels.seconds[kernels.like(tensor_cores)].sum())
    return TraceSummary(
        gpu=True,
        iterations=window.iterations,
        wall_seconds=high - low,
        busy_seconds=length(busy),
        idle_loader_seconds=parts.loader,
        idle_host_seconds=parts.host,
        idle_sync_seconds=parts.sync,
        idle_copy_seconds=parts.copies,
        idle_other_seconds=parts.other,
        kernel_seconds=own_seconds,
        copy_seconds=float(copied.seconds.sum()),
        overlap=length(in_both) / length(in_copies) if len(in_copies) else None,
        launches=len(kernels.name),
        tensor_core_share=on_tensor_cores / own_seconds if own_seconds > 0 else None,
        operators=operators(events, window)[:MOST_NAMES],
        kernels=totals(kernels)[:MOST_NAMES],
        copies=totals(device.chosen((device.kind == EventKind.COPY) | (device.kind == EventKind.FILL)))[
            :MOST_NAMES
        ],
        calls=totals(_blocking(events, window, everything))[:MOST_NAMES],
    )


def _blocking(events: TraceEvents, window: TraceWindow, device: TraceEvents) -> TraceEvents:
    """The calls that synchronise or copy, of those that began within the window, on the threads that drive
    it."""
    inside = (events.start >= window.low) & (events.start < window.high) & driving(events, window, device)
    named = events.like(lambda name: is_synchronisation(name) or is_copying(name))
    return events.chosen((events.kind == EventKind.CALL) & inside & named)


def _of_host(events: TraceEvents, window: TraceWindow) -> TraceSummary:
    host = host_times(events, window, None)
    parts, busy = host_idle(_operating(events, window), host, window)
    return TraceSummary(
        gpu=False,
        iterations=window.iterations,
        wall_seconds=window.high - window.low,
        busy_seconds=busy,
        idle_loader_seconds=parts.loader,
        idle_host_seconds=parts.host,
        idle_sync_seconds=parts.sync,
        idle_copy_seconds=parts.copies,
        idle_other_seconds=parts.other,
        kernel_seconds=0.0,
        copy_seconds=0.0,
        overlap=None,
        launches=0,
        tensor_core_share=None,
        operators=operators(events, window)[:MOST_NAMES],
        kernels=(),
    )


def _operating(events: TraceEvents, window: TraceWindow) -> Times:
    """The time that the main thread spent in operators."""
    own = events.chosen((events.kind == EventKind.OPERATOR) & (events.thread == window.thread))
    return within(union(own.start, own.end), window.low, window.high)


__all__ = ["HostTimes", "busiest", "busy_times", "summarise", "summary"]
