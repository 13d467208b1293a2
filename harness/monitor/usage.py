"""What this process tree used in a stretch of time, and how many cores others used meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from harness.monitor.host import busy_seconds
from harness.plural import counted
from harness.probes.process_usage import ProcessUsage, process_usage

LONG_ENOUGH = 0.5
"""Seconds that a stretch must last before clock ticks of 10 ms show how many cores others used."""

MANY = 0.25
"""The share of the cores from which others disturb what is measured beside them."""


class CpuUse:
    """A stretch that begins now. ``busy`` is the CPU time of the machine, ``used`` the account of
    this process tree.

    The load average would not do: it is of the last minute, in which an installation may have run,
    or we ourselves.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = busy_seconds,
        used: Callable[[], ProcessUsage] = lambda: process_usage(os.getpid()),
    ) -> None:
        self._now, self._busy, self._used = now, busy, used
        self._start = now(), busy(), used()

    def since(self) -> dict[str, float]:
        """What was used so far, by quantity; ``other_cores`` where the stretch is long enough."""
        start, busy, used = self._start
        seconds, spent = self._now() - start, self._used().since(used)
        if seconds >= LONG_ENOUGH:
            spent["other_cores"] = max(0.0, self._busy() - busy - spent["cpu_seconds"]) / seconds
        return spent


def disturbing(other_cores: float, cores: int) -> str:
    """A remark on others that use so many of ``cores``; empty where that is too little to matter."""
    if other_cores < MANY * cores:
        return ""
    return f"others use {other_cores:.1f} of {counted(cores, 'core')}"
