"""When a run is likely to end: the step in progress by its cases, then what the schedule still has to do."""

from __future__ import annotations

from harness.bench.forecast import expected_seconds
from harness.bench.plan import CountingPass, Invocation, Step
from harness.bench.schedule import Schedule


class Ending:
    """An expected moment of the monotonic clock, never past the end of the budget.

    It is computed anew before each step. Within one it moves by as much as the cases that are over took more,
    or less, than was expected of them.
    """

    def __init__(self, schedule: Schedule, end: float) -> None:
        self._schedule = schedule
        self._end = end
        self._expected = end
        self._begin = 0.0
        self._prices: dict[str, float] = {}
        self._ahead = 0.0
        self._drift = 0.0

    def step(self, step: Step, now: float) -> None:
        """A step begins."""
        self._expected = now + expected_seconds(self._schedule, self._end - now)
        self._begin, self._drift, self._ahead, self._prices = now, 0.0, 0.0, {}
        prices = self._schedule.prices
        if isinstance(step, Invocation):
            for case, names in step.cases:
                progress = self._schedule.cases[case]
                variants = len(progress.variants) if names is None else 1 + len(names)
                self._prices[case] = prices.unit(progress, variants)
                self._ahead = prices.start_up[progress.claim.loader]
        elif isinstance(step, CountingPass):
            self._prices = {case: prices.count[step.reading] * len(names) for case, names in step.cases}
            self._ahead = prices.start_up[False]
            # The schedule takes a pass for made once it has asked for it.
            self._expected = min(self._end, self._expected + self._ahead + sum(self._prices.values()))

    def case_ended(self, case: str, now: float) -> None:
        """A case of the step is over."""
        self._ahead += self._prices.pop(case, 0.0)
        self._drift = now - self._begin - self._ahead

    def moment(self, now: float) -> float:
        """The expected moment, seen from now."""
        return max(now, min(self._end, self._expected + self._drift))
