"""The steps of a run: what each has measured, by which process, and what its cost says of those to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness import store
from harness.report.traced import described
from harness.run.crew import Crew, Report
from harness.run.schedule import Count, Measure, Schedule, Solo, Trace
from harness.run.settings import PROFILES, Settings, effort
from harness.run.traces import Traces, taken


class Steps:
    """Takes the steps that a schedule asks for; none goes on after ``deadline``, a moment of the monotonic clock."""

    def __init__(
        self,
        crew: Crew,
        schedule: Schedule,
        settings: Settings,
        traces: Traces,
        folder: Path,
        deadline: float,
        note: Callable[[str], None],
    ) -> None:
        self._crew = crew
        self._schedule = schedule
        self._settings = settings
        self._profile = PROFILES[settings.profile]
        self._compute = sum(1 for standing in schedule.standings.values() if not standing.claim.loader)
        self._traces = traces
        self._folder = folder
        self._last = deadline
        self._note = note

    def take(self, step: Measure | Trace | Solo | Count, number: int, writer: store.Writer) -> Report:
        """Have a step measured, as the invocation of this number."""
        match step:
            case Trace():
                return self._trace(step, number, writer)
            case Solo():
                return self._solo(step, number)
            case Count():
                return self._count(step, number)
            case Measure():
                return self._measure(step, number)

    def learn(self, step: Measure | Trace | Solo | Count, report: Report, seconds: float) -> None:
        """Estimates for the schedule: what starting a process costs, what a solo pass costs."""
        if isinstance(step, Trace):
            self._schedule.traced(seconds)
            return
        if isinstance(step, Solo):
            self._schedule.solo_seconds = seconds
            # A pass that failed is not tried again.
            self._schedule.standings[step.case].solos.add(step.variant)
            return
        if isinstance(step, Count):
            self._schedule.count_seconds[step.reading] = seconds / step.variants
            return
        loader = any(self._schedule.standings[case].claim.loader for case, _ in step.cases)
        if not loader and any(self._schedule.standings[case].units <= 1 for case, _ in step.cases):
            return  # weighing took some of the time, which no later invocation will take
        over = seconds - sum(m.seconds for m in report.measurements)
        self._schedule.start_up[loader] = 0.5 * self._schedule.start_up[loader] + 0.5 * max(0.0, over)

    def _measure(self, step: Measure, number: int) -> Report:
        standings = {case: self._schedule.standings[case] for case, _ in step.cases}
        cases = {
            case: (
                standings[case].claim,
                effort(self._profile, self._settings.seconds, self._compute, loader=standings[case].claim.loader),
                variants,
                not standings[case].units,
            )
            for case, variants in step.cases
        }
        looks = self._schedule.thresholds.looks
        ahead = max(min(look for look in (*looks, 10**6) if look > s.units) - s.units for s in standings.values())
        ahead = min(ahead, max(1, self._profile.units - max(s.units for s in standings.values())))
        return self._crew.measure(number, cases, deadline=self._last, ahead=ahead)

    def _solo(self, step: Solo, number: int) -> Report:
        claim = self._schedule.standings[step.case].claim
        return self._crew.solo(number, step.case, claim, step.variant, deadline=self._last)

    def _count(self, step: Count, number: int) -> Report:
        claims = {case: self._schedule.standings[case].claim for case, _ in step.cases}
        each = 2 * self._schedule.count_seconds[step.reading]
        limits = {case: claims[case].time_limit + each * len(names) for case, names in step.cases}
        cases = {case: (claims[case], names) for case, names in step.cases}
        return self._crew.count(number, cases, step.reading, limits, deadline=self._last)

    def _trace(self, step: Trace, number: int, writer: store.Writer) -> Report:
        claim = self._schedule.standings[step.case].claim
        file = self._folder / store.trace_name(step.case, step.variant)
        report = self._crew.trace(number, step.case, claim, step.variant, file, deadline=self._last)
        traced = taken(step, claim, number, self._folder, report)
        self._traces.done[step.case, step.variant] = traced
        store.write_trace(writer, traced)
        self._note(f"traced {step.case} {step.variant}: {described(traced)}")
        # A pass that failed costs its trace and nothing else.
        return replace(report, unfinished=None)
