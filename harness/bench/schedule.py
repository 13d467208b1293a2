"""What to measure next: pure decisions from what is known, so that they can be tested without a clock or a
process.

Every case has a first unit early, where the budget can hold one of each and enough beside them. Then seconds
go where verdicts are: claims of the card first, then the cases whose next verdict takes the fewest seconds,
by the spread so far. A shorter budget goes to verdicts in that order at once; what it leaves goes to first
units of the rest, for an effect without a verdict is better than nothing.

Nothing is traced or weighed while anything can still be measured: traced passes come next, in time that is
kept for them (those that were requested, and those that explain a surprising verdict), then one for memory,
then isolated passes, which cost a process each, then the passes that count: launches, and last of all joules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.bench.order import CARD, Prospect, ordered, prospect
from harness.bench.plan import CaseProgress, CountingPass, Invocation, IsolatedPass, Step, TracedPass
from harness.bench.prices import Prices
from harness.judge.evidence import case_evidence
from harness.judge.rules import Thresholds
from harness.judge.run import judge_together
from harness.model import Measurement, Outcome, Verdict
from harness.probes.peak import MEMORY

BREADTH = 2 / 3
"""The share of what is left that first units of every case may take; else verdicts come first."""


class Schedule:
    """Keeps what is known of the cases and chooses what comes next.

    ``units`` is the most that a case may have. ``traces`` names the traced passes that are still wanted;
    ``trace_share`` of the time is kept for them at the most. ``counts`` are the readings that have a pass of
    their own where time is left: of all cases without a loader, joules of those alone that do arithmetic.
    """

    def __init__(
        self,
        cases: Iterable[CaseProgress],
        *,
        units: int,
        solo: bool,
        thresholds: Thresholds | None = None,
        traces: Callable[[Iterable[CaseProgress]], list[TracedPass]] = lambda _: [],
        trace_share: float = 0.1,
        counts: Sequence[str] = (),
    ) -> None:
        self.cases = {progress.case: progress for progress in cases}
        self.thresholds = thresholds or Thresholds()
        self.prices = Prices(self.cases.values())
        self._traces = traces
        self._trace_share = trace_share
        self._for_traces: float | None = None
        self.most_units = units
        self._solo = solo
        self._counts = counts

    def add(self, measurements: Iterable[Measurement]) -> list[Verdict]:
        """Take in what was measured; return the verdicts that are now decided.

        All cases are judged again: each is a prior to the others.
        """
        touched: dict[str, CaseProgress] = {}
        for measurement in measurements:
            progress = self.cases[measurement.case]
            progress.measurements.append(measurement)
            if measurement.survey:
                progress.solos.update(trial.variant for trial in measurement.trials)
            touched[progress.case] = progress
        for progress in touched.values():
            progress.evidence = case_evidence(
                progress.measurements, progress.claim.metric, self.thresholds.keep
            )
        known = {p.case: (p.claim, p.evidence) for p in self.cases.values() if p.evidence is not None}
        decided: list[Verdict] = []
        for case, found in judge_together(known, self.thresholds).items():
            progress = self.cases[case]
            before = {v.variant for v in progress.verdicts if v.decided}
            progress.verdicts = found
            decided += [v for v in found if v.decided and v.variant not in before]
        return decided

    def next(self, left: float) -> Step | None:
        """The next step that fits into ``left`` seconds, or None where nothing useful does."""
        traces = self._traces(self.cases.values())
        if self._for_traces is None:
            self._for_traces = self._trace_share * left
        kept = min(len(traces) * self.prices.trace, self._for_traces)
        if chosen := self._measurable(left - kept):
            return Invocation(tuple((one.progress.case, one.variants) for one in chosen))
        if traces and left >= self.prices.trace:
            return traces[0]
        # One process weighs all cases without a loader; an isolated pass takes a process for each variant.
        others = [reading for reading in self._counts if reading != MEMORY]
        return (
            self._next_count(left, [reading for reading in self._counts if reading == MEMORY])
            or self._next_solo(left)
            or self._next_count(left, others)
        )

    def traced(self, seconds: float) -> None:
        """A traced pass took that long."""
        self.prices.trace = seconds
        self._for_traces = max(0.0, (self._for_traces or 0.0) - seconds)

    def open(self) -> list[CaseProgress]:
        """Cases that are still to be measured, by what is known of them."""
        return [progress for progress in self.cases.values() if self.is_open(progress)]

    def unreached(self) -> tuple[int, float]:
        """Cases that have no unit yet, and the seconds that one unit of each would take."""
        fresh = self._fresh()
        return len(fresh), sum(map(self._first_price, fresh)) + self.starts(
            {progress.claim.loader: 1 for progress in fresh}
        )

    def starts(self, units: Mapping[bool, int]) -> float:
        """Seconds to start as many processes as these units take, with loaders and without, one process a
        unit."""
        return sum(count * self.prices.start_up[loader] for loader, count in units.items())

    def passes_seconds(self) -> float:
        """What traced, isolated and counting passes take that are still to come, also those of open cases."""
        seconds = len(self._traces(self.cases.values())) * self.prices.trace
        going = [progress for progress in self.cases.values() if not progress.stopped]
        if self._solo:
            alone = sum(
                len(set(progress.measured() or progress.variants) - progress.solos)
                for progress in going
                if progress.claim.loader
            )
            seconds += alone * self.prices.solo
        for reading in self._counts:
            variants = sum(
                len(progress.measured() or progress.variants)
                for progress in going
                if self._to_count(progress, reading)
            )
            seconds += (
                (self.prices.start_up[False] + self.prices.count[reading] * variants) if variants else 0.0
            )
        return seconds

    def _measurable(self, left: float) -> list[Prospect]:
        """What one process is to measure now: cases of one kind, loaders or not, one unit each."""
        looks = self.thresholds.looks
        open_ = [prospect(each, self.prices, looks, self.most_units) for each in self.open()]
        order = ordered(open_, self.cases.values(), left)
        fresh = [one for one in order if not one.progress.units]
        needed = self.unreached()[1]
        if fresh and needed <= (BREADTH if self.most_units > 1 else 1.0) * left:
            # Spare processes have imported what cases of one kind need: kinds do not take turns.
            return _one_process(
                sorted(fresh, key=lambda one: one.progress.claim.loader), apart_from_card=True
            )
        if chosen := self._fitting(order, left):
            return _one_process(chosen)
        if chosen := self._first_units(fresh, left):
            return _one_process(chosen)
        nearest = [self._to_next_look(one) for one in order if one.progress.units]
        return _one_process(self._fitting(sorted(nearest, key=lambda one: one.seconds), left))

    def is_open(self, progress: CaseProgress) -> bool:
        """Whether the case is still to be measured, by what is known of it."""
        if progress.stopped or progress.units >= self.most_units:
            return False
        if not progress.units:
            return True
        if progress.exact and progress.units < self.thresholds.looks[0]:
            # Exact metrics are decided at once; the time that goes with them still deserves an interval.
            return any(v.outcome not in (Outcome.WRONG, Outcome.FAILED) for v in progress.verdicts)
        return bool(progress.undecided())

    def _fresh(self) -> list[CaseProgress]:
        return [progress for progress in self.open() if not progress.units]

    def _first_price(self, progress: CaseProgress) -> float:
        return self.prices.unit(progress, len(progress.variants))

    def _fitting(self, order: Iterable[Prospect], left: float) -> list[Prospect]:
        """In this order the cases that can all come to what they promise in ``left`` seconds."""
        chosen: list[Prospect] = []
        spent = 0.0
        longest: dict[bool, int] = {}
        for one in order:
            loader = one.progress.claim.loader
            longer = {**longest, loader: max(longest.get(loader, 0), one.units)}
            if spent + one.seconds + self.starts(longer) <= left:
                spent, longest = spent + one.seconds, longer
                chosen.append(one)
        return chosen

    def _first_units(self, order: Iterable[Prospect], left: float) -> list[Prospect]:
        """In this order as many first units as fit."""
        single = [
            Prospect(one.progress, 1, self._first_price(one.progress), one.verdicts, None) for one in order
        ]
        return self._fitting(single, left)

    def _to_next_look(self, one: Prospect) -> Prospect:
        """The same variants, seen as far as their next look alone: it may decide more than is expected."""
        units = one.progress.units
        ahead = min(
            [look - units for look in (*self.thresholds.looks, self.most_units) if look > units], default=1
        )
        return Prospect(one.progress, ahead, ahead * one.seconds / one.units, one.verdicts, one.variants)

    def _missing_solos(self, progress: CaseProgress) -> list[str]:
        if not self._solo or not progress.claim.loader:
            return []
        return [name for name in progress.measured() if name not in progress.solos]

    def _next_solo(self, left: float) -> IsolatedPass | None:
        if left < self.prices.solo:
            return None
        # What is decided first: nothing of a case is weighed before its verdict if another has one.
        for progress in sorted(self.cases.values(), key=self.is_open):
            if progress.units and not progress.stopped and (missing := self._missing_solos(progress)):
                return IsolatedPass(progress.case, missing[0])
        return None

    def _next_count(self, left: float, readings: Iterable[str]) -> CountingPass | None:
        """As many cases as fit, of the first reading that any of them is still without; none is tried
        twice."""
        for reading in readings:
            chosen: list[tuple[str, tuple[str, ...]]] = []
            spent = self.prices.start_up[False]
            for progress in sorted(self.cases.values(), key=self.is_open):
                if not progress.units or not self._to_count(progress, reading):
                    continue
                spent += self.prices.count[reading] * len(progress.measured())
                if spent > left:
                    break
                chosen.append((progress.case, progress.measured()))
            if chosen:
                for case, _ in chosen:
                    self.cases[case].counted.add(reading)
                return CountingPass(reading, tuple(chosen))
        return None

    def _to_count(self, progress: CaseProgress, reading: str) -> bool:
        if progress.stopped or progress.claim.loader or reading in progress.counted:
            return False
        return not (
            (reading == "joules" and not progress.computes) or (reading == MEMORY and progress.weighs)
        )


def _one_process(chosen: Sequence[Prospect], *, apart_from_card: bool = False) -> list[Prospect]:
    """Those that one process measures with the first of them; ``apart_from_card`` keeps the card's to
    themselves."""

    def kind(one: Prospect) -> tuple[bool, bool]:
        claim = one.progress.claim
        return claim.loader, apart_from_card and claim.name in CARD

    return [one for one in chosen if kind(one) == kind(chosen[0])]
