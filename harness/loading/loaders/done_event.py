"""The event by which a DataLoader tells its workers to end, where one of them died with its lock.

A worker looks at that event after every batch, which takes the event's lock for a moment. One that is killed
in that moment keeps it: torch then waits for the lock for ever when it shuts the other workers down.
"""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any

HELD = 2.0
"""Seconds for which no living worker holds the lock: it takes microseconds."""


class DoneEvent:
    """The event with its lock freed first, if a worker has died and nobody gives the lock back."""

    def __init__(self, event: Event, workers: Sequence[BaseProcess]) -> None:
        self._event = event
        self._workers = workers

    def set(self) -> None:
        """Let all workers end.

        Nobody waits for the event, so nobody is woken: only the lock's owner may do that, and a lock that was
        given back for another process does not count as owned again.
        """
        self._free()
        with self._event._cond:  # type: ignore[attr-defined]
            flag = self._event._flag  # type: ignore[attr-defined]
            flag.acquire(False)
            flag.release()

    def is_set(self) -> bool:
        """Whether they are to end."""
        self._free()
        return self._event.is_set()

    def clear(self) -> None:
        """Take it back."""
        self._free()
        self._event.clear()

    def _free(self) -> None:
        if not any(worker.exitcode for worker in self._workers):
            return
        lock = self._event._cond._lock  # type: ignore[attr-defined]
        lock.acquire(timeout=HELD)
        lock.release()  # ours, or the dead one's


def survive_dead_workers(iterator: object) -> None:
    """Let torch shut down the workers of this iterator whatever one of them died with."""
    torchs: Any = iterator
    event = getattr(torchs, "_workers_done_event", None)
    if isinstance(event, Event):
        torchs._workers_done_event = DoneEvent(event, torchs._workers)
