"""The steps of a run: which process takes each, and what its cost means for those to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness import store
from harness.bench.plan import CountingPass, Invocation, IsolatedPass, Step, TracedPass
from harness.bench.schedule import Schedule
from harness.bench.settings import PROFILES, Settings, effort
from harness.bench.traces import Traces, taken
from harness.model import Traced
from harness.workers.pool import CaseRequest, WorkerPool, WorkerReport


class Steps:
    """Takes the steps that a schedule asks for; none goes on after ``deadline``, a moment of the monotonic
    clock."""

    def __init__(
        self,
        pool: WorkerPool,
        schedule: Schedule,
        settings: Settings,
        traces: Traces,
        folder: Path,
        deadline: float,
        report: Callable[[Traced], None],
    ) -> None:
        self._pool = pool
        self._schedule = schedule
        self._settings = settings
        self._profile = PROFILES[settings.profile]
        self._compute = sum(1 for progress in schedule.cases.values() if not progress.claim.loader)
        self._traces = traces
        self._folder = folder
        self._last = deadline
        self._report = report

    def take(self, step: Step, number: int, writer: store.Writer) -> WorkerReport:
        """Have a step measured, as the invocation of this number."""
        match step:
            case TracedPass():
                return self._trace(step, number, writer)
            case IsolatedPass():
                return self._solo(step, number)
            case CountingPass():
                return self._count(step, number)
            case Invocation():
                return self._measure(step, number)

    def learn(self, step: Step, report: WorkerReport, seconds: float) -> None:
        """Estimates for the schedule: what starting a process costs, what a solo pass costs."""
        if isinstance(step, TracedPass):
            self._schedule.traced(seconds)
            return
        if isinstance(step, IsolatedPass):
            self._schedule.prices.solo = seconds
            # A pass that failed is not tried again.
            self._schedule.cases[step.case].solos.add(step.variant)
            return
        if isinstance(step, CountingPass):
            self._schedule.prices.count[step.reading] = seconds / step.variants
            return
        cases = [self._schedule.cases[case] for case, _ in step.cases]
        if any(progress.weighs and progress.units <= 1 for progress in cases):
            return  # weighing took some of the time, which no later invocation will take
        over = seconds - sum(m.seconds for m in report.measurements)
        self._schedule.prices.started(cases[0].claim.loader, over)

    def _measure(self, step: Invocation, number: int) -> WorkerReport:
        progress = {case: self._schedule.cases[case] for case, _ in step.cases}
        cases = {
            case: CaseRequest(
                progress[case].claim,
                effort(
                    self._profile, self._settings.seconds, self._compute, loader=progress[case].claim.loader
                ),
                variants,
                # Bytes are weighed when the case has its verdict, unless that is about them. What a loader's
                # processes hold is read in passing: no pass of its own, and no part of its price.
                memory=not progress[case].units and (progress[case].claim.loader or progress[case].weighs),
                first=not progress[case].units,
            )
            for case, variants in step.cases
        }
        looks = self._schedule.thresholds.looks
        ahead = max(
            min(look for look in (*looks, 10**6) if look > s.units) - s.units for s in progress.values()
        )
        ahead = min(ahead, max(1, self._profile.units - max(s.units for s in progress.values())))
        # What any open case of that kind needs: a spare process serves whichever of them comes next.
        loaders = {one.claim.loader for one in progress.values()}
        files = {one.claim.path for one in self._schedule.open() if one.claim.loader in loaders}
        return self._pool.measure(number, cases, deadline=self._last, ahead=ahead, files=sorted(files))

    def _solo(self, step: IsolatedPass, number: int) -> WorkerReport:
        claim = self._schedule.cases[step.case].claim
        return self._pool.measure_isolated(number, step.case, claim, step.variant, deadline=self._last)

    def _count(self, step: CountingPass, number: int) -> WorkerReport:
        claims = {case: self._schedule.cases[case].claim for case, _ in step.cases}
        each = 2 * self._schedule.prices.count[step.reading]
        limits = {case: claims[case].time_limit + each * len(names) for case, names in step.cases}
        cases = {case: (claims[case], names) for case, names in step.cases}
        return self._pool.count(number, cases, step.reading, limits, deadline=self._last)

    def _trace(self, step: TracedPass, number: int, writer: store.Writer) -> WorkerReport:
        claim = self._schedule.cases[step.case].claim
        file = self._folder / store.trace_name(step.case, step.variant)
        report = self._pool.trace(number, step.case, claim, step.variant, file, deadline=self._last)
        traced = taken(step, claim, number, self._folder, report)
        self._traces.done[step.case, step.variant] = traced
        store.write_trace(writer, traced)
        self._report(traced)
        # A pass that failed costs its trace and nothing else.
        return replace(report, unfinished=None)
