"""Sources of readings, and when each is due: no oftener than what it costs allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

OFTEN = 0.2
SLOW = 1.0
SELDOM = 10.0
"""Seconds between two readings of counters that lose nothing meanwhile, of what changes slowly, and
of what hardly ever does."""

SHARE = 0.003
"""The share of one core that all readings together may take. What is expensive is read less often."""


@dataclass(slots=True)
class Sensor:
    """Something to read of a device, every ``period`` seconds (0: at every sample).

    ``read`` gives the values by quantity and does not raise. ``cost`` is the CPU time of a reading,
    in seconds.
    """

    device: str
    read: Callable[[], Mapping[str, float]]
    period: float = 0.0
    due: float = float("-inf")
    cost: float = 0.0

    def spent(self, seconds: float) -> None:
        """Account for a reading: at once up, slowly down, since one quick answer proves little."""
        self.cost = max(seconds, 0.9 * self.cost + 0.1 * seconds)


def fair_share(shares: Iterable[float], total: float = SHARE) -> float:
    """The most that one source may take so that all of them stay within ``total``; infinite where
    they do as they are.

    Those that want less than an equal part keep what they want, and leave the rest to the expensive
    ones: a driver may answer in ten microseconds or in two milliseconds, and the watch is to cost
    the same.
    """
    wanted = sorted(shares)
    for index, share in enumerate(wanted):
        fair = total / (len(wanted) - index)
        if share > fair:
            return fair
        total -= share
    return float("inf")
