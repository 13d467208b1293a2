"""What a loader's worker processes do with their time: work, wait for a core, or nothing.

The kernel counts both for every thread, in nanoseconds (``schedstat``). The rest is idle: waiting for files,
for a lock, or for room in a full queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

Times = Mapping[int, tuple[float, float]]
"""Seconds that each process worked and waited for a core, by its id."""


class WorkerStates:
    """The worker processes of this process, looked at now and then.

    They are those that have started since this was made, or all children where none has: persistent workers
    may be older. A worker counts from the first look that sees it to the last one. ``proc`` is where the
    kernel shows processes, ``now`` the clock. Where nothing can be read there are no shares.
    """

    def __init__(
        self, proc: Path = Path("/proc"), *, now: Callable[[], float] = time.monotonic, pid: str = "self"
    ) -> None:
        self._proc = proc
        self._now = now
        self._pid = pid
        self._before: Times = {}
        self._moment = 0.0
        self._older = self._children()
        self._workers: set[int] = set()
        self._alive = self._worked = self._queued = 0.0

    def find(self) -> None:
        """Find the workers: an epoch may have started others."""
        children = self._children()
        self._workers = children - self._older or children
        self.look()

    def look(self) -> None:
        """Read all workers; what they did since the last look counts."""
        moment, times = self._now(), self._times()
        for pid in times.keys() & self._before.keys():
            worked, queued = (
                after - before for after, before in zip(times[pid], self._before[pid], strict=True)
            )
            self._alive += moment - self._moment
            self._worked += worked
            self._queued += queued
        self._before, self._moment = times, moment

    def shares(self) -> dict[str, float]:
        """``worker_idle`` and ``worker_queued`` since they were last asked for; nothing where no worker was
        seen twice."""
        alive, worked, queued = self._alive, self._worked, self._queued
        self._alive = self._worked = self._queued = 0.0
        if alive <= 0:
            return {}
        return {
            "worker_idle": min(1.0, max(0.0, 1 - (worked + queued) / alive)),
            "worker_queued": min(1.0, max(0.0, queued / alive)),
        }

    def _times(self) -> Times:
        found = {}
        for pid in self._workers:
            try:
                worked, queued, _ = (self._proc / str(pid) / "schedstat").read_text().split()
                found[pid] = (int(worked) / 1e9, int(queued) / 1e9)
            except (OSError, ValueError):
                continue  # it has ended, or this kernel does not count
        return found

    def _children(self) -> set[int]:
        found: set[int] = set()
        try:
            threads = list((self._proc / self._pid / "task").iterdir())
        except OSError:
            return found
        for thread in threads:
            try:
                found.update(map(int, (thread / "children").read_text().split()))
            except (OSError, ValueError):
                continue
        return found
