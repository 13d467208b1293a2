"""Put a process's threads on cores of their own at the start of its turn.

A group that is continued wakes all its threads at once, and on a small machine the kernel often wakes two of them on
the same core and leaves them there for many milliseconds: threads that wait for each other by spinning then take turns
by the time slice, and a round takes several times as long as it should.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import cycle
from pathlib import Path


def spread_threads(tasks: Path = Path("/proc/self/task")) -> None:
    """Move this process's first thread to one core and the others to the rest, in turn; where they may run stays as is.

    What cannot be moved (a thread that has just ended, a system without such calls) is left alone.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    with suppress(OSError):
        threads = sorted(int(task.name) for task in tasks.iterdir())
        first, *rest = sorted(os.sched_getaffinity(0))
        if not rest:
            return
        others = cycle(rest)
        for thread in threads:
            core = first if thread == os.getpid() else next(others)
            with suppress(OSError):
                allowed = os.sched_getaffinity(thread)
                if core in allowed:
                    os.sched_setaffinity(thread, {core})
                    os.sched_setaffinity(thread, allowed)
