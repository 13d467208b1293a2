"""The time budget of a tuning: one end for everything, and which share of it each part may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

SETUP = 0.35
"""The share of the budget after which no further kind is checked: samples need the rest."""

RACE = 0.6
"""The share of the budget after which no sample of the race begins: diagnosing the winner needs the rest."""

RACE_AT_LEAST = 0.85
"""The same if no settings could be compared until then: the answer comes before its diagnosis."""

CLOSING = 0.03
"""The share of the budget that is kept for ending processes and showing what was found."""


@dataclass(frozen=True, slots=True)
class Budget:
    """From when until when something may take, in seconds of the clock ``now``."""

    start: float
    end: float
    now: Callable[[], float] = time.monotonic

    @classmethod
    def of(
        cls, seconds: float, start: float | None = None, now: Callable[[], float] = time.monotonic
    ) -> Budget:
        """A budget of so many seconds, from ``start`` or from now on."""
        begin = now() if start is None else start
        return cls(begin, begin + seconds, now)

    @property
    def seconds(self) -> float:
        """How long it is in all."""
        return self.end - self.start

    def left(self) -> float:
        """Seconds until its end; negative after it."""
        return self.end - self.now()

    def used(self) -> float:
        """Seconds since its start."""
        return self.now() - self.start

    def until(self, share: float) -> Budget:
        """The first part of it, of so large a share."""
        return replace(self, end=self.start + share * self.seconds)
