"""How long the samples of a race took, and what there is still time for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from harness.model import Setting
from harness.tune.budget import CLOSING, RACE, RACE_AT_LEAST, Budget
from harness.tune.race import LEAST, Race

SHARE_OF_A_SAMPLE = 2.0
"""How many times its share of the time left for a race a sample may take before it is cut off."""

FIRST_SAMPLE = 600.0
"""Seconds that the first sample may take whatever the budget: without it there is no answer."""

RIVALS = 2
"""Settings, at the least, that are compared before time is kept for diagnosing the winner."""

LONGER = 1.5
"""How many times the budget is longer in which there is time for parts that were left out."""


class RacePace:
    """The pace of a race within a budget. ``first_sample`` means that the very first sample is being
    measured."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.first_sample = False
        self._rivals = RIVALS
        self._setup = 0.0
        self._took: dict[Setting, float] = {}
        self._counts: Counter[Setting] = Counter()

    def begin(self, grid: int) -> None:
        """The race begins now, over so many settings."""
        self._rivals, self._setup = min(RIVALS, grid), self.budget.used()

    def ran(self, setting: Setting, seconds: float) -> None:
        """A sample was measured, and took so long."""
        self._counts[setting] += 1
        self._took[setting] = seconds
        self.first_sample = False

    @property
    def started(self) -> bool:
        """Whether a sample was measured."""
        return bool(self._took)

    def race(self) -> Budget:
        """What of the budget the race may take: more of it until a few settings have been compared at all."""
        known = sum(count >= LEAST for count in self._counts.values())
        return self.budget.until(RACE if known >= self._rivals else RACE_AT_LEAST)

    def most(self, others: int) -> float:
        """Seconds that a sample may take if so many ``others`` are to follow in its repetition."""
        return max(0.0, self.race().left()) * min(1.0, SHARE_OF_A_SAMPLE / (1 + others))

    def timeout(self) -> float:
        """Seconds that a reply of a loader process may take."""
        left = self.budget.until(1 - CLOSING).left()
        return max(left, FIRST_SAMPLE) if self.first_sample else left

    def lasts(self, setting: Setting) -> float:
        """Seconds that a sample of a setting takes: as the last one, longer with fewer workers, else the
        median."""
        if (own := self._took.get(setting)) is not None:
            return own
        alike = [known for known in self._took if known.kind == setting.kind]
        if not alike:
            return median(self._took.values() or [0.0])
        nearest = min(alike, key=lambda known: abs(known.workers - setting.workers))
        return self._took[nearest] * max(1.0, nearest.workers / max(1, setting.workers))

    def room(self, settings: Sequence[Setting]) -> int:
        """How many of these settings, in this order, there is time to measure."""
        left = self.race().left()
        for place, setting in enumerate(settings):
            left -= self.lasts(setting)
            if left < 0:
                return place
        return len(settings)

    def needs(self, race: Race, *, more: bool) -> float:
        """Seconds of a budget with time for all of the race, and for ``more`` that was left out."""
        wanted = race.wanted()
        seconds = sum(self.lasts(setting) for setting in wanted)
        seconds += sum(count * self.lasts(setting) for setting, count in self._counts.items())
        enough = (self._setup + seconds) / RACE if wanted else 0.0
        return max(self.budget.seconds, enough, LONGER * self.budget.seconds if more else 0.0)
