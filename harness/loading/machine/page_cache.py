"""The page cache: putting files out of it, and how much was read from the disk. Standard library only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from pathlib import Path


def evict(paths: Iterable[str | Path]) -> None:
    """Ask the kernel to forget the pages of these files; what was written and is not on the disk yet stays.

    File systems that have no pages of their own on a disk (tmpfs) keep them all the same: look at
    `disk_bytes`.
    """
    for path in paths:
        with suppress(OSError):
            descriptor = _open(path)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def warm(
    paths: Iterable[str | Path],
    most_bytes: int,
    seconds: float = inf,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Read the files, so that the page cache has them: as many as fit into so many bytes, and so
    many seconds.
    """
    left, end = most_bytes, now() + seconds
    for path in paths:
        with suppress(OSError), os.fdopen(_open(path), "rb", buffering=0) as file:
            while left > 0 and (chunk := file.read(1 << 20)):
                left -= len(chunk)
        if left <= 0 or now() >= end:
            break


def _open(path: str | Path) -> int:
    # A pipe among the files would be waited for until another process writes into it.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def disk_bytes(pids: Iterable[int], *, proc: Path = Path("/proc")) -> int:
    """Bytes these processes have had fetched from disks so far; those that may not be read count as
    nothing.
    """
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError):
            for line in (proc / str(pid) / "io").read_text().splitlines():
                if line.startswith("read_bytes:"):
                    total += int(line.split()[1])
    return total
