"""Give a process's threads cores of their own while it is measured.

Threads that wait for each other by spinning (OpenMP's do) take turns by the time slice where two of them are
on one core, and a round takes many times as long as it should. On a small machine the kernel puts them there
now and then for some tenths of a second: in a fresh process, when a stopped one is continued, and beside a
busy neighbour.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from itertools import cycle
from pathlib import Path

_TASKS = Path("/proc/self/task")
_CPUS = Path("/sys/devices/system/cpu")


class CorePinning:
    """Keeps the first thread of this process on one core and the others on the rest, in turn, from the first
    `settle`.

    Use as a context manager: afterwards every thread may run where it could before, those started meanwhile
    included. ``team`` gives how many threads work together: up to the number of physical cores, none shares
    one with another. ``turn`` is the number of the core to begin with: processes that take turns must all use
    the same, or a neighbour of one core is the neighbour of one process for seconds. Does nothing if there is
    one core, or no such system calls.
    """

    def __init__(self, team: Callable[[], int], turn: int = 0) -> None:
        self._team = team
        self._turn = turn
        self._masks: dict[int, set[int]] = {}

    def __enter__(self) -> CorePinning:
        return self

    def __exit__(self, *exception: object) -> None:
        allowed = self._masks.get(os.getpid(), set())
        for thread in _threads() if self._masks else ():
            _move(thread, self._masks.get(thread, allowed))
        self._masks.clear()

    def apply(self) -> None:
        """Put threads that are new since the last time in their places; costs microseconds where there are
        none."""
        threads = _threads()
        if self._masks.keys() >= threads:
            return
        first_thread = os.getpid()
        allowed = self._masks.get(first_thread) or _mask(first_thread)
        if len(allowed) < 2:
            return
        # A thread started after the first time was given the first one's place, and no choice of its own.
        chosen = {thread: allowed if self._masks else _mask(thread) for thread in threads}
        cores_there = _cores(frozenset(allowed), self._team())
        turn = self._turn % len(cores_there)
        first, *rest = (*cores_there[turn:], *cores_there[:turn])
        cores = cycle(rest)
        for thread in sorted(threads):
            core = first if thread == first_thread else next(cores)
            if core in self._masks.setdefault(thread, chosen[thread]):
                _move(thread, {core})


def _threads() -> set[int]:
    with suppress(OSError):
        return {int(task.name) for task in _TASKS.iterdir()}
    return set()


def _mask(thread: int) -> set[int]:
    """Where a thread may run; nowhere, for one that has just ended."""
    if hasattr(os, "sched_getaffinity"):
        with suppress(OSError):
            return os.sched_getaffinity(thread)
    return set()


def _move(thread: int, mask: set[int]) -> None:
    with suppress(OSError):
        os.sched_setaffinity(thread, mask)


@cache
def _cores(allowed: frozenset[int], team: int) -> Sequence[int]:
    """The cores to use, at least two: one of each physical core, or all where the team is larger than
    that."""
    seen: set[int] = set()
    physical = []
    for core in sorted(allowed):
        if core not in seen:
            physical.append(core)
            seen |= _siblings(core)
    return physical if max(2, team) <= len(physical) else sorted(allowed)


def _siblings(core: int) -> set[int]:
    """The hardware threads of a core, from the kernel's list such as ``0,16`` or ``0-1``."""
    try:
        listed = (_CPUS / f"cpu{core}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return {core}
    siblings = {core}
    for part in listed.strip().split(","):
        low, _, high = part.partition("-")
        siblings |= set(range(int(low), int(high or low) + 1))
    return siblings
