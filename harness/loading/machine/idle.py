"""Waiting until this process has nothing left to do: threads that fill a queue ahead of a loop, and stop when
it is full."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOOKS = 3
"""Looks in a row that must find all threads idle: between two pieces of work a thread rests for a moment."""

PAUSE = 2e-3
"""Seconds between two looks."""

BUSY = 0.1
"""The share of a core that idle threads use at most."""


def others_cpu() -> float:
    """CPU-seconds that all threads of this process but the one that asks have used so far: looking at many
    threads costs more than they use while they rest."""
    return time.process_time() - time.thread_time()


def await_idle(
    seconds: float,
    *,
    working: Callable[[], int] | None = None,
    cpu: Callable[[], float] = others_cpu,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Whether the other threads of this process became idle within so many seconds.

    A thread works where the kernel has it ready to run or waiting for a disk (``working`` counts those), and
    where their CPU time grows: one that waits for Python's lock is neither.
    """
    count = working or working_threads
    end, quiet = now() + seconds, 0
    used, at = cpu(), now()
    while quiet < LOOKS:
        if now() >= end:
            return False
        sleep(PAUSE)
        before, since, used, at = used, at, cpu(), now()
        quiet = quiet + 1 if not count() and used - before <= BUSY * (at - since) else 0
    return True


def working_threads(tasks: Path = Path("/proc/self/task")) -> int:
    """Threads of this process, without the one that asks, that are ready to run or wait for a disk; 0 where
    the kernel does not show them."""
    own = str(threading.get_native_id())
    states = []
    with suppress(OSError):
        for task in os.listdir(tasks):  # noqa: PTH208
            if task != own:
                with suppress(OSError):
                    states.append((tasks / task / "stat").read_text().rpartition(")")[2].split()[0])
    return sum(state in "RD" for state in states)
