"""What a run has found so far: its reports taken in, its verdicts and progress shown."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness import store
from harness.bench.ending import Ending
from harness.bench.part import RunPart
from harness.bench.plan import CaseProgress, Step, activity_of
from harness.bench.schedule import Schedule
from harness.bench.settings import BenchDisplay
from harness.model import Activity, Claim, Outcome, RunState, Verdict, benchmark_of
from harness.monitor.run import Monitor
from harness.workers.collect import Collection
from harness.workers.pool import WorkerReport


class FoundSoFar:
    """A run's claims and cases with what is known of them; ``start`` and ``end`` are those of its budget."""

    def __init__(
        self,
        claims: Sequence[Claim],
        screen: BenchDisplay,
        watch: Monitor,
        part: RunPart,
        *,
        start: float,
        end: float,
    ) -> None:
        self.claims = claims
        self.by_function = {f"{claim.path}::{claim.function}": claim for claim in claims}
        self._screen = screen
        self._watch = watch
        self._part = part
        self._start = start
        self._end = end
        self._pointed = False
        self._activity = Activity.COLLECTING
        self.follow(Schedule([], units=1, solo=False))

    def follow(self, schedule: Schedule) -> None:
        """Take reports into this schedule from now on."""
        self._schedule = schedule
        self._ending = Ending(schedule, self._end)

    def progress(self, found: Collection) -> list[CaseProgress]:
        """The cases that were collected, each with the variants that can run here."""
        return [
            CaseProgress(
                case,
                self._claim_of(case),
                tuple(name for name in variants if name not in found.unavailable.get(case, {})),
            )
            for case, variants in found.cases.items()
        ]

    def _claim_of(self, case: str) -> Claim:
        return self.by_function[benchmark_of(case)]

    def begin_step(self, step: Step, now: float) -> None:
        """The next invocation is about to start."""
        self._ending.step(step, now)
        self._activity = activity_of(step)
        self._screen.prepares()

    def begins(self, case: str, invocation: int) -> None:
        """A case begins to be measured."""
        self._watch.begins(case, invocation)
        self._screen.begins(case, self._activity)

    def ends(self, case: str, invocation: int) -> None:
        """The measuring of a case is over."""
        self._watch.ends(case, invocation)
        self._ending.case_ended(case, time.monotonic())

    def settle_absent(self, found: Collection, writer: store.Writer) -> None:
        """What was skipped or failed in the collection gets its record, and its verdict, at once."""
        decided: list[Verdict] = []
        resumption = self._part.resumption
        for measurement in found.absent(self.claims):
            if resumption and not resumption.is_new(measurement):
                continue
            store.write_measurement(writer, measurement)
            schedule = Schedule(
                [CaseProgress(measurement.case, self._claim_of(measurement.case), ())], units=1, solo=False
            )
            decided += schedule.add([measurement])
        self._decided(decided)

    def take_in(self, report: WorkerReport, writer: store.Writer) -> None:
        """Add what an invocation measured, and record what it did not finish."""
        found = [self._watch.marked(measurement) for measurement in report.measurements]
        if report.unfinished is not None:
            store.write_measurement(writer, report.unfinished)
            found.append(report.unfinished)
        self._decided(self._schedule.add(found))

    def _decided(self, verdicts: list[Verdict]) -> None:
        """Show them; with the first that failed, where its traceback stands: its reason is one line of
        that."""
        self._screen.decided(verdicts)
        if not self._pointed and any(verdict.outcome is Outcome.FAILED for verdict in verdicts):
            self._pointed = True
            self._screen.note(
                f"of what failed, whole tracebacks are in {self._part.folder / 'process-*.log'}"
            )

    def tick(self) -> None:
        """Show how far the run is."""
        cases = self._schedule.cases.values()
        decided = sum(1 for s in cases for v in s.verdicts if v.decided)
        now = time.monotonic()
        self._screen.tick(
            RunState(
                seconds=now - self._start,
                left=max(0.0, self._end - now),
                ends=self._ending.moment(now) - now,
                decided=decided,
                open=len(self._schedule.open()),
            )
        )
