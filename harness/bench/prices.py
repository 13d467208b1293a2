"""What steps cost, learned from those that were taken: a unit of a case, starting a process, passes."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from harness.bench.plan import CaseProgress
from harness.probes.peak import MEMORY

FIRST_GUESS = {False: 0.5, True: 2.5}
"""Seconds of one variant of a case in one invocation before any was measured; by whether it is a loader's."""

COUNT_GUESS = {MEMORY: 0.5, "launches": 1.0, "joules": 5.0}
"""Seconds of a variant in a pass that takes this reading, before any was taken; the expensive one comes last.
"""


class Prices:
    """Seconds of steps to come. What is weighed, traced or counted is part of no unit's price."""

    def __init__(self, cases: Iterable[CaseProgress]) -> None:
        self._cases = list(cases)
        self.start_up = {False: 4.0, True: 10.0}
        self.solo = 12.0
        self.trace = 4.0
        self.count = dict(COUNT_GUESS)

    def started(self, loader: bool, seconds: float) -> None:
        """An invocation took so much beside its measurements."""
        self.start_up[loader] = 0.5 * self.start_up[loader] + 0.5 * max(0.0, seconds)

    def unit(self, progress: CaseProgress, variants: int) -> float:
        """One unit of that many variants, the baseline among them.

        By the case's own latest unit; before its first by the mean of what cases of its kind took a variant.
        """
        own = progress.variant_seconds
        if own is None:
            loader = progress.claim.loader
            known = [
                each
                for one in self._cases
                if one.claim.loader is loader and one.units and (each := one.variant_seconds) is not None
            ]
            own = mean(known) if known else FIRST_GUESS[loader]
        return own * variants
