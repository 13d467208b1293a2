"""Shared memory in use: what loader workers hand their batches over in.

Counted by the file system, not by mappings: a finished batch that waits in a queue is held by a
file descriptor alone, mapped by no process, its file's name long gone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.probes.probe import Probe, ProbeReading, ProbeReadings

SHARED_MEMORY = Path("/dev/shm")
INTERVAL = 0.05


Look = Callable[[Path], os.statvfs_result]


@dataclass(slots=True)
class SharedWatch:
    """Bytes in use at most above the level at the start, by all processes; None where they cannot be read."""

    peak_bytes: int | None = None
    source: str = ""


def shared_bytes(place: Path = SHARED_MEMORY, look: Look = os.statvfs) -> int | None:
    """Bytes in use in the file system at ``place``; None where there is none."""
    try:
        found = look(place)
    except OSError:
        return None
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@contextmanager
def watch_shared(
    before: int | None = None,
    *,
    interval: float = INTERVAL,
    place: Path = SHARED_MEMORY,
    look: Look = os.statvfs,
) -> Iterator[SharedWatch]:
    """Watch the file system at ``place`` from a thread, every ``interval`` seconds, once at least,
    until the end.

    ``before`` is the level that counts as none, the present one where None. Yields the SharedWatch,
    complete after the block; a watch never fails.
    """
    level = shared_bytes(place, look) if before is None else before
    seen = SharedWatch(source=f"bytes in use in {place} above those at the start")
    ended = threading.Event()

    def sample() -> None:
        if level is not None and (used := shared_bytes(place, look)) is not None:
            seen.peak_bytes = max(seen.peak_bytes or 0, used - level)

    def run() -> None:
        while not ended.wait(interval):
            sample()

    thread = threading.Thread(target=run, name="tipbench-shared-watch", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
        sample()


class SharedMemoryProbe(Probe):
    """Shared memory in use at most in the round, above the level before the variant was set up."""

    name = "shared memory"
    metrics = ("shm_bytes",)

    def before(self) -> None:
        """Read the level."""
        self._level = shared_bytes()

    def start(self) -> None:
        """Watch from a thread."""
        self._context = watch_shared(self._level)
        self._seen = self._context.__enter__()

    def stop(self) -> None:
        """End the thread."""
        self._context.__exit__(None, None, None)

    def read(self) -> ProbeReadings:
        """The peak, where the file system can be read."""
        if self._seen.peak_bytes is None:
            return {}
        return {"shm_bytes": ProbeReading(float(self._seen.peak_bytes), self._seen.source)}
