"""How long a process may take to answer, by its own CPU time: a busy machine is no reason to give one up."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

import psutil

IDLE = 0.5
"""CPU-seconds in a whole allowance of wall time below which a process does nothing: even one of a hundred
gets more."""

LONGEST = 10
"""Allowances of wall time that no process may exceed."""

READINGS = 10
"""How often its CPU time is read in an allowance of wall time, at most."""


class CpuLimit:
    """CPU-seconds that a process and what it started may use from now on; it is not to be stopped meanwhile.

    It has as many seconds of wall time in any case: on a quiet machine that is its limit, and many threads
    use many CPU-seconds in one. A process that uses next to none for as long has used its allowance up as
    well: it hangs; ``idle`` is another number of seconds for that. ``longest`` is the wall time that there is
    for it, if that is less than ten times as long.

    Reading CPU time looks through all processes of the machine, and what is measured meanwhile must not be
    disturbed: there are few readings, and none in the first tenth of the allowance. A process that answers by
    then costs none; for one that does not, it counts as if a core had been busy all the while.
    """

    def __init__(
        self,
        pid: int,
        seconds: float,
        *,
        longest: float = inf,
        idle: float | None = None,
        now: Callable[[], float] = time.monotonic,
        used: Callable[[int], float] | None = None,
    ) -> None:
        self._pid = pid
        self._seconds = seconds
        self._longest = min(longest, LONGEST * seconds)
        self._idle = seconds if idle is None else idle
        self._pause = min(seconds, self._idle) / READINGS
        self._now = now
        self._used = used or cpu_seconds
        self._start = self._since = now()
        self._next = self._start + self._pause
        self._first: float | None = None
        self._last = 0.0

    def spent(self) -> str:
        """Why it is used up, in words; empty as long as it is not."""
        now = self._now()
        if now >= self._next:
            self._next = now + self._pause
            if spent := self._read(now):
                return spent
        return f"it took {self._longest:g} s" if now - self._start >= self._longest else ""

    def _read(self, now: float) -> str:
        used = self._used(self._pid)
        if self._first is None:
            unread = min(now - self._start, self._pause)
            self._first, self._last, self._since = used - unread, used, now - unread
        if now - self._start >= self._seconds and used - self._first >= self._seconds:
            return f"it used {self._seconds:g} s of CPU time"
        if used - self._last >= IDLE:
            self._since, self._last = now, used
        return f"it did nothing for {self._idle:g} s" if now - self._since >= self._idle else ""


def cpu_seconds(pid: int) -> float:
    """What a process and all below it have used up to now; 0 for one that is gone."""
    total = 0.0
    try:
        process = psutil.Process(pid)
        members = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for member in members:
        try:
            times = member.cpu_times()
        except psutil.Error:
            continue  # it ended meanwhile: its parent has its time when it is reaped
        total += times.user + times.system + times.children_user + times.children_system
    return total
