"""What to measure next: pure decisions from what is known, so that they can be tested without a clock or a process.

Cases without a loader come first: they are cheap, and the budget is made to decide them all. Loaders then get one unit
each, so that every one shows an effect; with what is left, those that reach their next look soonest are seen through.
Traced passes come after them, in time that is kept for them: those that were asked for, and those that explain a
surprising verdict. Solo passes come next: they cost a process each, and a verdict says more than a better number for
memory. What is left goes to the passes that count: launches, and last of all joules, which take seconds a variant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from harness.judge.rules import Thresholds
from harness.judge.verdict import verdicts
from harness.model import METRICS, Claim, Measurement, MetricKind, Outcome, Status, Verdict

FIRST_GUESS = {False: 1.5, True: 15.0}
"""Seconds of a case in one invocation before any was measured; by whether it is a loader's."""

COUNT_GUESS = {"launches": 1.0, "joules": 5.0}
"""Seconds of a variant in a pass that takes this reading, before any was taken; the dear one comes last."""


@dataclass(slots=True)
class CaseProgress:
    """One case: what is known of it so far."""

    case: str
    claim: Claim
    variants: tuple[str, ...]
    measurements: list[Measurement] = field(default_factory=list)
    solos: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    verdicts: tuple[Verdict, ...] = ()

    @property
    def units(self) -> int:
        """Invocations that measured it."""
        return sum(1 for m in self.measurements if not m.survey and m.status is Status.MEASURED)

    @property
    def seconds(self) -> float:
        """What one more unit is likely to cost."""
        known = [m.seconds for m in self.measurements if not m.survey]
        return known[-1] if known else FIRST_GUESS[self.claim.loader]

    @property
    def stopped(self) -> bool:
        """Whether the whole case failed, timed out or was skipped: more of the same tells nothing."""
        return any(m.status is not Status.MEASURED for m in self.measurements if not m.survey)

    @property
    def computes(self) -> bool:
        """Whether it is arithmetic, by what its measurements say of their work."""
        return any(m.work.flops > 0 for m in self.measurements)

    def measured(self) -> tuple[str, ...]:
        """The variants that were measured in some invocation."""
        there = {t.variant for m in self.measurements for t in m.trials if t.status is Status.MEASURED}
        return tuple(name for name in self.variants if name in there)

    def undecided(self) -> tuple[str, ...]:
        """The variants that more evidence may decide."""
        return tuple(v.variant for v in self.verdicts if not v.decided and (v.more_units > 0 or not self.units))


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation: which cases, and of each which variants (None: all)."""

    cases: tuple[tuple[str, tuple[str, ...] | None], ...]


@dataclass(frozen=True, slots=True)
class IsolatedPass:
    """A solo pass of one variant."""

    case: str
    variant: str


@dataclass(frozen=True, slots=True)
class CountingPass:
    """A pass that takes one reading of variants, by case."""

    reading: str
    cases: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def variants(self) -> int:
        """How many variants it is about."""
        return sum(len(names) for _, names in self.cases)


@dataclass(frozen=True, slots=True)
class TracedPass:
    """A traced pass of one variant."""

    case: str
    variant: str


class Schedule:
    """Keeps the standings and says what comes next.

    ``traces`` names the traced passes that are still wanted; ``trace_share`` of the time is kept for them at the most.
    ``counts`` are the readings that have a pass of their own where time is left: of all cases without a loader, joules
    of those alone that do arithmetic.
    """

    def __init__(
        self,
        standings: Iterable[CaseProgress],
        *,
        units: int,
        solo: bool,
        thresholds: Thresholds | None = None,
        traces: Callable[[Iterable[CaseProgress]], list[TracedPass]] = lambda _: [],
        trace_share: float = 0.1,
        counts: Sequence[str] = (),
    ) -> None:
        self.standings = {standing.case: standing for standing in standings}
        self.thresholds = thresholds or Thresholds()
        self.start_up = {False: 4.0, True: 10.0}
        self.solo_seconds = 12.0
        self.trace_seconds = 8.0
        self.count_seconds = dict(COUNT_GUESS)
        self._traces = traces
        self._trace_share = trace_share
        self._for_traces: float | None = None
        self._units = units
        self._solo = solo
        self._counts = counts

    def add(self, measurements: Iterable[Measurement]) -> list[Verdict]:
        """Take in what was measured; gives the verdicts that have just fallen."""
        touched: dict[str, CaseProgress] = {}
        for measurement in measurements:
            standing = self.standings[measurement.case]
            standing.measurements.append(measurement)
            if measurement.survey:
                standing.solos.update(trial.variant for trial in measurement.trials)
            touched[standing.case] = standing
        fallen: list[Verdict] = []
        for standing in touched.values():
            before = {v.variant for v in standing.verdicts if v.decided}
            standing.verdicts = verdicts(standing.claim, standing.measurements, self.thresholds, case=standing.case)
            fallen += [v for v in standing.verdicts if v.decided and v.variant not in before]
        return fallen

    def next(self, left: float) -> Invocation | TracedPass | IsolatedPass | CountingPass | None:
        """The next step that fits into ``left`` seconds, or None where nothing useful does."""
        traces = self._traces(self.standings.values())
        if self._for_traces is None:
            self._for_traces = self._trace_share * left
        kept = min(len(traces) * self.trace_seconds, self._for_traces)
        if (measure := self._next_measure(left - kept)) is not None:
            return measure
        if traces and left >= self.trace_seconds:
            return traces[0]
        return self._next_solo(left) or self._next_count(left)

    def traced(self, seconds: float) -> None:
        """A traced pass took that long."""
        self.trace_seconds = seconds
        self._for_traces = max(0.0, (self._for_traces or 0.0) - seconds)

    def _next_measure(self, left: float) -> Invocation | None:
        compute = self._open(loader=False)
        if chosen := self._affordable(compute, left):
            return self._measure(chosen)
        if fresh := self._first_units([s for s in compute if not s.units], left):
            # Too little time for a verdict: an effect without one still says more than nothing.
            return self._measure(fresh)
        loaders = self._open(loader=True)
        if fresh := self._first_units([s for s in loaders if not s.units], left):
            return self._measure(fresh)
        chosen = self._affordable([standing for standing in loaders if standing.units], left)
        return self._measure(chosen) if chosen else None

    def open_count(self) -> int:
        """Cases not yet decided."""
        return len(self._open(loader=False)) + len(self._open(loader=True))

    def _open(self, *, loader: bool) -> list[CaseProgress]:
        return [s for s in self.standings.values() if s.claim.loader is loader and self._is_open(s)]

    def _is_open(self, standing: CaseProgress) -> bool:
        if standing.stopped or standing.units >= self._units:
            return False
        if not standing.units:
            return True
        if METRICS[standing.claim.metric].kind is MetricKind.EXACT and standing.units < self.thresholds.looks[0]:
            # Exact metrics are decided at once; the time that goes with them still deserves an interval.
            return any(v.outcome not in (Outcome.WRONG, Outcome.FAILED) for v in standing.verdicts)
        return bool(standing.undecided())

    def _units_to_look(self, standing: CaseProgress) -> int:
        looks = (*self.thresholds.looks, self._units)
        return min([look - standing.units for look in looks if look > standing.units], default=1)

    def _affordable(self, standings: Sequence[CaseProgress], left: float) -> list[CaseProgress]:
        """The cases that can all reach their next look in ``left`` seconds, cheapest first."""
        chosen: list[CaseProgress] = []
        spent, longest = 0.0, 0.0
        for standing in sorted(standings, key=self._cost):
            start_up = self.start_up[standing.claim.loader]
            longest_now = max(longest, self._units_to_look(standing) * start_up)
            if spent + self._cost(standing) + longest_now > left:
                break
            spent, longest = spent + self._cost(standing), longest_now
            chosen.append(standing)
        return chosen

    def _cost(self, standing: CaseProgress) -> float:
        return self._units_to_look(standing) * standing.seconds

    def _first_units(self, standings: Sequence[CaseProgress], left: float) -> list[CaseProgress]:
        chosen: list[CaseProgress] = []
        spent = max((self.start_up[standing.claim.loader] for standing in standings), default=0.0)
        for standing in standings:
            if spent + standing.seconds > left:
                break
            spent += standing.seconds
            chosen.append(standing)
        return chosen

    def _missing_solos(self, standing: CaseProgress) -> list[str]:
        if not self._solo or not standing.claim.loader:
            return []
        return [name for name in standing.measured() if name not in standing.solos]

    def _next_solo(self, left: float) -> IsolatedPass | None:
        if left < self.solo_seconds:
            return None
        for standing in self.standings.values():
            if standing.units and not standing.stopped and (missing := self._missing_solos(standing)):
                return IsolatedPass(standing.case, missing[0])
        return None

    def _next_count(self, left: float) -> CountingPass | None:
        """As many cases as fit, of the first reading that any of them is still without; none is tried twice."""
        for reading in self._counts:
            chosen: list[tuple[str, tuple[str, ...]]] = []
            spent = self.start_up[False]
            for standing in self.standings.values():
                wanted = standing.units and not standing.stopped and not standing.claim.loader
                if not wanted or reading in standing.counted or (reading == "joules" and not standing.computes):
                    continue
                spent += self.count_seconds[reading] * len(standing.measured())
                if spent > left:
                    break
                chosen.append((standing.case, standing.measured()))
            if chosen:
                for case, _ in chosen:
                    self.standings[case].counted.add(reading)
                return CountingPass(reading, tuple(chosen))
        return None

    def _measure(self, standings: Sequence[CaseProgress]) -> Invocation:
        # An exact verdict falls at once, but its variants stay for the sake of their times.
        return Invocation(
            tuple(
                (s.case, s.undecided() if s.units and METRICS[s.claim.metric].kind is MetricKind.NOISY else None)
                for s in standings
            )
        )
