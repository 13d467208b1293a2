"""What idle time waited for: the loader, the host, synchronisation, copies, or something else.

Idle time of a GPU ends when something begins there. As long as the launch of that had not returned, nothing
was queued, and what the host did shows why:

1. it waited for the next batch: the loader;
2. it was inside a call that copies, and may have to stage pageable memory: copies;
3. it was inside a call that synchronises, or came out of one before it could launch again: synchronisation.
   Without that call the launches would have been queued while the GPU still worked;
4. anything else, Python and operators: the host.

Once it was queued the host had done its part: what is left is other, waiting for another stream or for the
hardware.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.model import WAIT_MARK
from harness.profile.events import NONE, EventKind, TraceEvents
from harness.profile.intervals import Times, gaps, intersection, length, union, within, without
from harness.profile.window import TraceWindow

Mask = npt.NDArray[np.bool_]

_LOADER = "enumerate(DataLoader)#"
"""How torch itself names the waits for a batch of its own DataLoader."""


@dataclass(frozen=True, slots=True)
class IdleParts:
    """Seconds of idle time by what was waited for."""

    loader: float = 0.0
    host: float = 0.0
    sync: float = 0.0
    copies: float = 0.0
    other: float = 0.0


@dataclass(frozen=True, slots=True)
class HostTimes:
    """When the host waited for the loader, was inside calls that synchronise, and inside calls that copy."""

    loader: Times
    sync: Times
    copies: Times


def host_times(events: TraceEvents, window: TraceWindow, device: TraceEvents | None) -> HostTimes:
    """What the threads that drive the window did: the main one, and those that put work on the device.

    Batches are waited for by the main thread; the waits of another one, such as a thread that prefetches,
    hold up nothing by themselves.
    """
    main = events.thread == window.thread
    marks = (events.kind == EventKind.MARK) | (events.kind == EventKind.OPERATOR)
    waits = main & marks & events.named(WAIT_MARK)
    if not waits.any():
        waits = main & marks & events.named(_LOADER)
    if device is not None:
        main = driving(events, window, device)
    mine = (events.kind == EventKind.CALL) & main
    return HostTimes(
        _covered(events, waits, window),
        _covered(events, mine & events.like(is_synchronisation), window),
        _covered(events, mine & events.like(is_copying), window),
    )


def driving(events: TraceEvents, window: TraceWindow, device: TraceEvents) -> Mask:
    """Which events are of the threads that drive the window: the main one, and those that put work on the
    device."""
    puts = (events.kind == EventKind.CALL) & np.isin(events.correlation, device.correlation)
    mask: Mask = (events.thread == window.thread) | np.isin(events.thread, np.unique(events.thread[puts]))
    return mask


def idle_parts(
    busy: Times, device: TraceEvents, events: TraceEvents, host: HostTimes, window: TraceWindow
) -> IdleParts:
    """Split the time in which the device was not ``busy``; the parts add up to it."""
    idle = gaps(busy, window.low, window.high)
    ready, known = _ready(idle, device, events)
    waits = idle[:, 0] < ready
    # While nothing was queued, what the host did counts; once something was, it could do nothing about it.
    empty = np.column_stack((idle[waits, 0], np.minimum(ready, idle[:, 1])[waits]))
    after_sync, known = _touched(empty, host.sync), known[waits]

    loader = length(intersection(empty, host.loader))
    left = without(empty, host.loader)
    copies = length(intersection(left, host.copies))
    left = without(left, host.copies)
    sync = length(intersection(left, host.sync))
    left = without(left, host.sync)
    sync += length(intersection(left, empty[after_sync]))
    launching = length(intersection(left, empty[~after_sync & known]))
    return IdleParts(
        loader, launching, sync, copies, max(0.0, length(idle) - loader - copies - sync - launching)
    )


def host_idle(operating: Times, host: HostTimes, window: TraceWindow) -> tuple[IdleParts, float]:
    """Without a GPU: the main thread's idle time, and the seconds in which it was busy outside the loader."""
    busy = without(operating, host.loader)
    left = without(gaps(operating, window.low, window.high), host.loader)
    return IdleParts(loader=length(host.loader), host=length(left)), length(busy)


def _ready(idle: Times, device: TraceEvents, events: TraceEvents) -> tuple[Times, Mask]:
    """For each idle stretch, when the launch of what ends it had returned, and whether that is known.

    The end of the stretch where it is not, and where nothing more comes.
    """
    calls = events.chosen((events.kind == EventKind.CALL) & (events.correlation != NONE))
    order = np.argsort(calls.correlation, kind="stable")
    numbers, ends = calls.correlation[order], calls.end[order]
    begins = np.argsort(device.start, kind="stable")
    starts, correlations = device.start[begins], device.correlation[begins]
    ready, known = idle[:, 1].copy(), np.ones(len(idle), bool)
    following = np.searchsorted(starts, idle[:, 1], side="left")
    comes = np.flatnonzero(following < len(starts))
    wanted = correlations[following[comes]]
    place = np.minimum(np.searchsorted(numbers, wanted), max(0, len(numbers) - 1))
    found = numbers[place] == wanted if len(numbers) else np.zeros(len(wanted), bool)
    ready[comes[found]] = ends[place[found]]
    known[comes[~found]] = False
    return ready, known


def _touched(times: Times, others: Times) -> Mask:
    """Which of these intervals share any time with the others."""
    if not len(others):
        return np.zeros(len(times), bool)
    last = np.searchsorted(others[:, 0], times[:, 1], side="left") - 1
    found: Mask = (last >= 0) & (others[np.maximum(last, 0), 1] > times[:, 0])
    return found


def _covered(events: TraceEvents, mask: Mask, window: TraceWindow) -> Times:
    return within(union(events.start[mask], events.end[mask]), window.low, window.high)


def is_synchronisation(name: str) -> bool:
    """Whether a call of the GPU's library of that name waits for the GPU."""
    return "Synchronize" in name


def is_copying(name: str) -> bool:
    """Whether a call of the GPU's library of that name copies."""
    return "Memcpy" in name
