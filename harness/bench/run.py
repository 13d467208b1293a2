"""A run from beginning to end: collection, then invocations until everything is decided or the budget is used
up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from harness import store
from harness.bench.chosen import chosen_claims, stand_in
from harness.bench.found import FoundSoFar
from harness.bench.part import RunPart
from harness.bench.prices import COUNT_GUESS
from harness.bench.resume import OtherEnvironment, Resumption, digests
from harness.bench.room import check_room
from harness.bench.schedule import Schedule
from harness.bench.settings import PROFILES, BenchDisplay, Settings
from harness.bench.steps import Steps
from harness.bench.temporary import check_temporary
from harness.bench.timeline import TimelineRecorder
from harness.bench.traces import Traces
from harness.ceilings.budgeted import affordable
from harness.ceilings.cache import CeilingsRequest
from harness.claims.folder import BenchmarkFolder
from harness.claims.selection import select
from harness.errors import HarnessError
from harness.model import (
    SCHEMA,
    THE_RUN,
    Activity,
    EndReason,
    RunEnd,
    Span,
)
from harness.monitor.run import Monitor
from harness.probes.peak import MEMORY
from harness.processes import launch
from harness.processes.live import Reaper
from harness.store.parts import being_measured
from harness.workers.collect import Refused, WorkerError
from harness.workers.pool import WorkerPool
from harness.workers.spare import WorkerSettings, file_limits

GRACE = 0.06
"""The share of the budget by which an invocation in flight may overrun it; then it is ended."""


class UnusableGpu(HarnessError):
    """NVML sees a GPU that torch cannot use; the message has the remedy."""


def bench(
    settings: Settings,
    screen: BenchDisplay,
    *,
    width: int,
    command: Sequence[str] = (),
    began: Callable[[Path], None] = lambda _: None,
    resumed: store.Run | None = None,
) -> Path:
    """Measure a run, or what is missing of one that is ``resumed``, and return its folder: everything
    measured is in it, however this ends. ``began`` gets it at once.

    Raises ClaimError, UsageError, StoreError, LaunchError, WorkerError, UnusableGpu; KeyboardInterrupt passes
    through after the processes are gone. What is wrong with the request is raised before ``began`` is called,
    or, where only a process with torch can know it, as Refused or OtherEnvironment, which leave no folder, or
    the run that was there as it was.
    """
    start = time.monotonic()
    chosen = chosen_claims(settings, screen.note)
    check_temporary(loaders=any(claim.loader for claim in chosen.claims))
    check_room(resumed.folder if resumed else settings.results)
    traced = select(chosen, settings.trace, "--trace").claims if settings.trace else ()
    python = launch.check_interpreter(settings.python) if settings.python else _own()
    sources = digests(chosen)
    resumption = Resumption.of(resumed) if resumed else None
    if resumption:
        resumption.check_files(sources)
    part = RunPart(settings, resumption, sources)
    began(part.folder)
    names = [claim.name for claim in traced]
    try:
        return _Bench(settings, screen, chosen, names, part, start, width).measure(python, command)
    except (Refused, OtherEnvironment):
        part.discard()
        raise


def _own() -> str:
    import sys

    return sys.executable


class _Bench:
    """One run in progress."""

    def __init__(
        self,
        settings: Settings,
        screen: BenchDisplay,
        chosen: BenchmarkFolder,
        traced: list[str],
        part: RunPart,
        start: float,
        width: int,
    ) -> None:
        self._settings = settings
        self._profile = PROFILES[settings.profile]
        self._screen = screen
        self._readable = chosen.claims
        self._unread = {stand_in(problem): problem.message for problem in chosen.problems}
        self._part = part
        self._folder = part.folder
        self._start = start
        self._end = start + settings.part_seconds
        self._last = start + settings.part_seconds * (1 + GRACE)
        self._width = width
        self._traces = Traces(traced, surprises=self._profile.asides)
        self._watch = Monitor(
            part.folder, settings.watch, note=screen.note, name=part.file(store.TELEMETRY_FILE)
        )
        self._found = FoundSoFar(
            [*chosen.claims, *self._unread], screen, self._watch, part, start=start, end=self._end
        )

    def measure(self, python: str, command: Sequence[str]) -> Path:
        writer = self._part.open(self._found.claims, command, python)
        end = RunEnd(EndReason.INTERRUPTED)
        try:
            with ExitStack() as stack:
                if not self._part.resumption:  # else it is marked since it was read
                    stack.enter_context(being_measured(self._folder))
                # Around the pool: a process that is there before it starts, or after it ended, is not this
                # run's.
                stack.enter_context(self._watch)
                timeline = TimelineRecorder(
                    self._folder, self._start, self._screen.note, self._part.file(store.TIMELINE_FILE)
                )
                stack.callback(lambda: timeline.end(time.monotonic()))
                borrowed = None
                if self._settings.python:
                    borrowed = launch.borrow_packages(stack.enter_context(Reaper()).folder / "borrowed")
                pool = stack.enter_context(
                    WorkerPool(
                        WorkerSettings(
                            python,
                            self._settings.benchmarks,
                            self._folder,
                            self._settings.device,
                            self._settings.data,
                            width=self._width,
                            snapshots=self._settings.snapshots,
                            borrowed=borrowed,
                            first=self._part.first_log,
                            time_limits=file_limits(self._readable),
                        ),
                        begins=self._found.begins,
                        ends=self._found.ends,
                        tick=self._found.tick,
                        spans=timeline.add,
                    )
                )
                question = CeilingsRequest(python, self._settings.device, self._settings.data, borrowed)
                end = RunEnd(self._measure_cases(pool, writer, question, timeline))
        except Exception as error:
            ours = isinstance(error, WorkerError | store.StoreError | UnusableGpu)
            end = RunEnd(EndReason.STOPPED, str(error) if ours else repr(error))
            raise
        finally:
            beside = [asdict(process) for process in self._watch.other_processes]
            store.write_end(writer, end, **({"beside": beside} if beside else {}))
            writer.close()
        if self._settings.snapshots and not any((self._folder / store.SNAPSHOTS).glob("*.json.gz")):
            self._screen.note("no memory snapshots: torch keeps a history of memory on CUDA devices only")
        return self._folder

    def _measure_cases(
        self, pool: WorkerPool, writer: store.Writer, question: CeilingsRequest, timeline: TimelineRecorder
    ) -> EndReason:
        self._screen.collecting()
        found = pool.collect(sorted({claim.path for claim in self._readable}))
        found.keep(self._found.by_function)
        found.account_for(self._readable)
        found.failed |= {f"{claim.path}::{claim.function}": why for claim, why in self._unread.items()}
        if self._settings.share:
            found.keep_cases(self._settings.share.has)
        writer.write(
            "header",
            schema=SCHEMA,
            environment=found.environment,
            planned=[*found.cases, *found.skipped, *found.failed],
        )
        if resumption := self._part.resumption:
            resumption.check_environment(found.environment)
        self._watch.measures_on(found.environment)
        self._screen.collected(found.environment, len(found.cases), len(found.skipped))
        self._found.settle_absent(found, writer)
        if found.unusable_gpu and self._settings.device != "cpu":
            raise UnusableGpu(found.unusable_gpu)
        if not (resumption and resumption.run.ceilings):
            begin = time.monotonic()
            ceilings = affordable(
                question,
                found.environment,
                self._settings.part_seconds if self._profile.asides else 0.0,
                self._folder / "ceilings.log",
                tick=self._found.tick,
                note=self._screen.note,
            )
            if ceilings is not None:
                store.write_ceilings(writer, ceilings.ceilings, ceilings.measured)
            timeline.add(Span(THE_RUN, Activity.CEILINGS, begin, time.monotonic()))
        on_gpu = found.environment.get("device", {}).get("type") == "cuda"
        schedule = Schedule(
            self._found.progress(found),
            units=self._profile.units,
            solo=self._profile.solo,
            traces=self._traces.missing,
            trace_share=self._traces.share,
            counts=tuple(COUNT_GUESS) if self._profile.asides and on_gpu else (MEMORY,),
        )
        # Several processes import side by side; their first invocation waits for all of them.
        schedule.prices.start_up[False] = pool.import_seconds / self._width + 0.5
        self._found.follow(schedule)
        steps = Steps(
            pool, schedule, self._settings, self._traces, self._folder, self._last, self._screen.traced
        )
        if resumption:
            resumption.fill(schedule, self._traces)
            self._screen.note(resumption.described(schedule))
        number = self._part.before
        while (step := schedule.next(self._end - time.monotonic())) is not None:
            check_room(self._folder)
            begin = time.monotonic()
            number += 1
            self._found.begin_step(step, begin)
            report = steps.take(step, number, writer)
            timeline.measured(report.measurements)
            self._found.take_in(report, writer)
            steps.learn(step, report, time.monotonic() - begin)
            self._found.tick()
            if report.error:
                raise WorkerError(report.error)
            if report.out_of_time:
                return EndReason.BUDGET_USED
        if schedule.open():
            return EndReason.BUDGET_USED
        verdicts = [verdict for case in schedule.cases.values() for verdict in case.verdicts]
        if not verdicts:
            return EndReason.NOTHING
        return EndReason.ALL_DECIDED if all(v.decided for v in verdicts) else EndReason.ALL_MEASURED
