"""What to measure next: pure decisions from what is known, so that they can be tested without a clock or a
process.

Cases without a loader come first: they are cheap, and the budget is made to decide them all. Loaders then get
one unit each, so that every one shows an effect; with what is left, those that reach their next look soonest
are seen through. Traced passes come after them, in time that is kept for them: those that were requested, and
those that explain a surprising verdict. Isolated passes come next: they cost a process each, and a verdict is
worth more than a better number for memory. What is left goes to the passes that count: launches, and last of
all joules, which take seconds a variant.
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
"""Seconds of a variant in a pass that takes this reading, before any was taken; the expensive one comes last.
"""


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
        """Whether the whole case failed, timed out or was skipped: more of the same would show nothing."""
        return any(m.status is not Status.MEASURED for m in self.measurements if not m.survey)

    @property
    def computes(self) -> bool:
        """Whether it is arithmetic, by the work that its measurements state."""
        return any(m.work.flops > 0 for m in self.measurements)

    def measured(self) -> tuple[str, ...]:
        """The variants that were measured in some invocation."""
        there = {t.variant for m in self.measurements for t in m.trials if t.status is Status.MEASURED}
        return tuple(name for name in self.variants if name in there)

    def undecided(self) -> tuple[str, ...]:
        """The variants that more evidence may decide."""
        return tuple(
            v.variant for v in self.verdicts if not v.decided and (v.more_units > 0 or not self.units)
        )


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
    """Keeps what is known of the cases and chooses what comes next.

    ``traces`` names the traced passes that are still wanted; ``trace_share`` of the time is kept for them at
    the most. ``counts`` are the readings that have a pass of their own where time is left: of all cases
    without a loader, joules of those alone that do arithmetic.
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
        """Take in what was measured; return the verdicts that are now decided."""
        touched: dict[str, CaseProgress] = {}
        for measurement in measurements:
            progress = self.cases[measurement.case]
            progress.measurements.append(measurement)
            if measurement.survey:
                progress.solos.update(trial.variant for trial in measurement.trials)
            touched[progress.case] = progress
        decided: list[Verdict] = []
        for progress in touched.values():
            before = {v.variant for v in progress.verdicts if v.decided}
            progress.verdicts = verdicts(
                progress.claim, progress.measurements, self.thresholds, case=progress.case
            )
            decided += [v for v in progress.verdicts if v.decided and v.variant not in before]
        return decided

    def next(self, left: float) -> Invocation | TracedPass | IsolatedPass | CountingPass | None:
        """The next step that fits into ``left`` seconds, or None where nothing useful does."""
        traces = self._traces(self.cases.values())
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
            # Too little time for a verdict: an effect without one is still better than nothing.
            return self._measure(fresh)
        loaders = self._open(loader=True)
        if fresh := self._first_units([s for s in loaders if not s.units], left):
            return self._measure(fresh)
        chosen = self._affordable([progress for progress in loaders if progress.units], left)
        return self._measure(chosen) if chosen else None

    def open_count(self) -> int:
        """Cases not yet decided."""
        return len(self._open(loader=False)) + len(self._open(loader=True))

    def _open(self, *, loader: bool) -> list[CaseProgress]:
        return [s for s in self.cases.values() if s.claim.loader is loader and self._is_open(s)]

    def _is_open(self, progress: CaseProgress) -> bool:
        if progress.stopped or progress.units >= self._units:
            return False
        if not progress.units:
            return True
        if (
            METRICS[progress.claim.metric].kind is MetricKind.EXACT
            and progress.units < self.thresholds.looks[0]
        ):
            # Exact metrics are decided at once; the time that goes with them still deserves an interval.
            return any(v.outcome not in (Outcome.WRONG, Outcome.FAILED) for v in progress.verdicts)
        return bool(progress.undecided())

    def _units_to_look(self, progress: CaseProgress) -> int:
        looks = (*self.thresholds.looks, self._units)
        return min([look - progress.units for look in looks if look > progress.units], default=1)

    def _affordable(self, cases: Sequence[CaseProgress], left: float) -> list[CaseProgress]:
        """The cases that can all reach their next look in ``left`` seconds, cheapest first."""
        chosen: list[CaseProgress] = []
        spent, longest = 0.0, 0.0
        for progress in sorted(cases, key=self._cost):
            start_up = self.start_up[progress.claim.loader]
            longest_now = max(longest, self._units_to_look(progress) * start_up)
            if spent + self._cost(progress) + longest_now > left:
                break
            spent, longest = spent + self._cost(progress), longest_now
            chosen.append(progress)
        return chosen

    def _cost(self, progress: CaseProgress) -> float:
        return self._units_to_look(progress) * progress.seconds

    def _first_units(self, cases: Sequence[CaseProgress], left: float) -> list[CaseProgress]:
        chosen: list[CaseProgress] = []
        spent = max((self.start_up[progress.claim.loader] for progress in cases), default=0.0)
        for progress in cases:
            if spent + progress.seconds > left:
                break
            spent += progress.seconds
            chosen.append(progress)
        return chosen

    def _missing_solos(self, progress: CaseProgress) -> list[str]:
        if not self._solo or not progress.claim.loader:
            return []
        return [name for name in progress.measured() if name not in progress.solos]

    def _next_solo(self, left: float) -> IsolatedPass | None:
        if left < self.solo_seconds:
            return None
        for progress in self.cases.values():
            if progress.units and not progress.stopped and (missing := self._missing_solos(progress)):
                return IsolatedPass(progress.case, missing[0])
        return None

    def _next_count(self, left: float) -> CountingPass | None:
        """As many cases as fit, of the first reading that any of them is still without; none is tried
        twice."""
        for reading in self._counts:
            chosen: list[tuple[str, tuple[str, ...]]] = []
            spent = self.start_up[False]
            for progress in self.cases.values():
                wanted = progress.units and not progress.stopped and not progress.claim.loader
                if (
                    not wanted
                    or reading in progress.counted
                    or (reading == "joules" and not progress.computes)
                ):
                    continue
                spent += self.count_seconds[reading] * len(progress.measured())
                if spent > left:
                    break
                chosen.append((progress.case, progress.measured()))
            if chosen:
                for case, _ in chosen:
                    self.cases[case].counted.add(reading)
                return CountingPass(reading, tuple(chosen))
        return None

    def _measure(self, cases: Sequence[CaseProgress]) -> Invocation:
        # An exact verdict falls at once, but its variants stay for the sake of their times.
        return Invocation(
            tuple(
                (
                    s.case,
                    s.undecided() if s.units and METRICS[s.claim.metric].kind is MetricKind.NOISY else None,
                )
                for s in cases
            )
        )
