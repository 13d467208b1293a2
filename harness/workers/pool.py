"""The worker pool: measuring processes, one at work at a time, each within its limits.

A process is sent its plan only when its turn comes. One that hangs, dies or is killed costs the case in
flight: the next process measures the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom

from harness.measure.limits import RoundLimits
from harness.model import Activity, Claim, Measurement, Span, Status
from harness.processes.live import ChannelClosed, exit_reason
from harness.store import read_measurements
from harness.workers.codec import Failure, Message, send
from harness.workers.collect import Collection, FileLost, WorkerError
from harness.workers.progress import ACTIVITIES, WorkerProgress, why_unfinished
from harness.workers.protocol import (
    CaseBegins,
    CaseEnds,
    CaseOptions,
    CaseTraced,
    CollectPlan,
    CountPlan,
    EnvironmentFound,
    IsolatedPlan,
    MeasurePlan,
    Plan,
    Recording,
    TracePlan,
)
from harness.workers.spare import START_LIMIT, SpareWorker, SpareWorkers, WorkerSettings

CALL_LIMIT = 120.0
"""CPU-seconds a benchmark may take to reach its call of compare while cases are collected."""

BETWEEN_LIMIT = 60.0
"""CPU-seconds a process may take from one case to the next, and from the last to its end."""


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """One case to measure: its claim, its limits, its variants (None: all), and whether to find peak memory.

    ``first`` says that the case was not measured before.
    """

    claim: Claim
    limits: RoundLimits
    variants: tuple[str, ...] | None
    memory: bool
    first: bool = False


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What came of one process: its measurements, and what became of a case that it did not finish.

    ``error`` is set where the process could not go on for a reason that stops the whole run (a full disk);
    ``traced`` is what a traced pass took.
    """

    measurements: list[Measurement]
    unfinished: Measurement | None = None
    out_of_time: bool = False
    error: str = ""
    traced: CaseTraced | None = None


class WorkerPool:
    """Starts, drives and ends measuring processes. Use as a context manager: none outlives it.

    ``begins`` and ``ends`` are called with a case and its invocation, ``tick`` about once a second, ``spans``
    with what a process did, when it has done it; a case that was measured counts as rounds from beginning to
    end.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        begins: Callable[[str, int], None] = lambda *_: None,
        ends: Callable[[str, int], None] = lambda *_: None,
        tick: Callable[[], None] = lambda: None,
        spans: Callable[[Span], object] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._spans = spans
        self._spare = SpareWorkers(settings, tick, spans)
        self._begins = begins
        self._ends = ends
        self.import_seconds = 0.0
        self._random = SystemRandom()

    def __enter__(self) -> WorkerPool:
        self._spare.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._spare.__exit__(*failure)

    def collect(self, files: Sequence[str], cases: Container[str] | None = None) -> Collection:
        """Call every benchmark of these files, or these cases alone, up to its measurement; nothing is
        measured.

        A test that uses pytest-benchmark is called to its end. A file that cannot be imported, because it
        hangs or takes the process with it, costs itself alone. Raises WorkerError.
        """
        found = Collection()
        left: list[str] | None = None
        lost: dict[str, str] = {}
        while left is None or left:
            start = time.monotonic()
            try:
                worker, collected = self._spare.start(frozenset(files) - lost.keys())
            except FileLost as error:
                lost[error.file] = f"a process did not import it: {error.reason}"
                if error.file not in files or lost.keys() >= {*files}:
                    raise
                continue
            if left is None:
                self.import_seconds = time.monotonic() - start
                found.collected = replace(collected, broken={**collected.broken, **lost})
                left = [case for case in collected.cases if cases is None or case in cases]
            stuck = self._call(worker, left, found)
            # A case that took the process with it has had its turn; another process calls the others.
            left = [case for case in left if case not in found.answered] if stuck else []
        return found

    def _call(self, worker: SpareWorker, cases: Sequence[str], found: Collection) -> bool:
        """Call these cases; whether one of them kept the others from being called. Raises WorkerError."""
        began = ""
        begin = time.monotonic()
        introduced = False
        try:
            send(
                worker.process.channel, CollectPlan(tuple(cases), self._settings.device, self._settings.data)
            )
            while True:
                idle = self._settings.idle_limit(began.partition("::")[0])
                message, spent = self._spare.await_message(
                    worker, CALL_LIMIT if began else START_LIMIT, idle=idle
                )
                match message:
                    case None if not began:
                        raise WorkerError(f"a process did not call the benchmarks: {spent}{worker.where()}")
                    case None:
                        if began not in found.answered:
                            found.failed[began] = f"it did not reach its call of compare: {spent}"
                        return True
                    case EnvironmentFound():
                        introduced = True
                    case CaseBegins(case):
                        began = case
                found.take(message)
        except ChannelClosed:
            status = worker.process.wait(10.0)
        finally:
            ended = worker.process.end()
            self._spans(Span(worker.number, Activity.COLLECTING, begin, time.monotonic()))
        status = ended if status is None else status
        if not introduced:
            raise WorkerError(f"no process can measure: {worker.ending(status)}")
        finished = status in (0, 1)  # pytest came to its end, whatever it thinks of the tests
        if not finished and began and began not in found.answered:
            found.failed[began] = exit_reason(status)
            return True
        for case in set(cases) - found.answered:
            found.failed[case] = "it ended without a call of compare" if finished else exit_reason(status)
        return False

    def measure(
        self,
        invocation: int,
        cases: Mapping[str, CaseRequest],
        *,
        deadline: float,
        ahead: int = 1,
        files: Iterable[str] = (),
    ) -> WorkerReport:
        """One invocation of these cases.

        ``deadline`` (monotonic seconds) ends it whatever it is doing. ``ahead`` is how many invocations are
        likely to come that need no file beside those of these cases and ``files``, so that as many processes
        may be started together, each of which serves any of them.
        """
        claims = {case: wanted.claim for case, wanted in cases.items()}
        plan = MeasurePlan(
            *self._common(claims),
            recording=self._recording(invocation),
            options={
                case: CaseOptions(wanted.limits, wanted.variants, wanted.memory, wanted.first)
                for case, wanted in cases.items()
            },
            snapshots=self._settings.snapshots,
        )
        return self._drive(invocation, claims, plan, deadline=deadline, ahead=ahead, files=files)

    def measure_isolated(
        self, invocation: int, case: str, claim: Claim, variant: str, *, deadline: float
    ) -> WorkerReport:
        """An isolated pass of one variant, in a process that nothing else has touched and no other
        accompanies."""
        self._spare.close()
        plan = IsolatedPlan(
            *self._common({case: claim}), recording=self._recording(invocation), variant=variant
        )
        return self._drive(invocation, {case: claim}, plan, deadline=deadline)

    def count(
        self,
        invocation: int,
        cases: Mapping[str, tuple[Claim, tuple[str, ...]]],
        reading: str,
        limits: Mapping[str, float],
        *,
        deadline: float,
    ) -> WorkerReport:
        """A pass that takes one reading of these variants, in a process of its own; ``limits`` are seconds by
        case."""
        self._spare.close()
        claims = {case: replace(claim, time_limit=limits[case]) for case, (claim, _) in cases.items()}
        variants = {case: names for case, (_, names) in cases.items()}
        recording = self._recording(invocation)
        plan = CountPlan(
            *self._common(claims),
            recording=recording,
            reading=reading,
            variants=variants,
            snapshots=self._settings.snapshots,
        )
        return self._drive(invocation, claims, plan, deadline=deadline)

    def trace(
        self, invocation: int, case: str, claim: Claim, variant: str, file: Path, *, deadline: float
    ) -> WorkerReport:
        """A traced pass of one variant into ``file``, in a process of its own as an isolated pass has it."""
        self._spare.close()
        plan = TracePlan(*self._common({case: claim}), variant=variant, file=file)
        return self._drive(invocation, {case: claim}, plan, deadline=deadline)

    def _recording(self, invocation: int) -> Recording:
        return Recording(
            self._settings.folder, _file_name(invocation), invocation, self._random.getrandbits(32)
        )

    def _common(
        self, claims: Mapping[str, Claim]
    ) -> tuple[tuple[str, ...], str, Path | None, dict[str, str]]:
        """The fields of every plan."""
        names = {case: claim.name for case, claim in claims.items()}
        return tuple(claims), self._settings.device, self._settings.data, names

    def _drive(
        self,
        invocation: int,
        claims: Mapping[str, Claim],
        plan: Plan,
        *,
        deadline: float,
        ahead: int = 1,
        files: Iterable[str] = (),
    ) -> WorkerReport:
        needed = frozenset(claim.path for claim in claims.values())
        worker = self._spare.acquire(needed, ahead, needed | frozenset(files))
        process = worker.process
        at = WorkerProgress(worker.number, invocation, ACTIVITIES[type(plan)], self._spans)
        out_of_time, error = False, ""
        unfinished: Measurement | None = None
        traced: CaseTraced | None = None

        def ended(case: str, status: Status, reason: str) -> Measurement:
            return Measurement(case, claims[case].name, invocation, status, reason, seconds=at.seconds)

        try:
            process.resume()
            send(process.channel, plan)
            while True:
                match self._next(worker, at, claims, deadline):
                    case None:
                        out_of_time = time.monotonic() >= deadline
                        if not out_of_time and at.case is not None:
                            late = f"not finished after its time limit of {claims[at.case].time_limit:g} s"
                            unfinished = ended(at.case, Status.TIMED_OUT, late)
                        break
                    case CaseBegins(case):
                        at.moves(case)
                        self._begins(case, invocation)
                    case CaseTraced() as traced:
                        at.moves(None)
                    case CaseEnds(case):
                        at.moves(None)
                        self._ends(case, invocation)
                    case Failure(reason):
                        error = reason
        except ChannelClosed:
            status = process.wait(10.0)
            if at.case is not None and not error:
                unfinished = ended(at.case, Status.FAILED, why_unfinished(status))
        finally:
            status = process.end()
            at.ends()
            if at.case is not None:
                self._ends(at.case, invocation)
        found = read_measurements(self._settings.folder / f"{_file_name(invocation)}.jsonl")
        if unfinished is not None:
            if any(measurement.case == unfinished.case for measurement in found):
                unfinished = None  # its record was written, and only the news of it did not arrive
            elif isinstance(plan, IsolatedPlan | CountPlan):
                unfinished = replace(unfinished, survey=True)  # measurements go on without the pass
        if not (found or unfinished or isinstance(plan, TracePlan) or out_of_time or error):
            error = f"an invocation measured nothing: {worker.ending(status)}"
        return WorkerReport(found, unfinished, out_of_time, error, traced)

    def _next(
        self, worker: SpareWorker, at: WorkerProgress, claims: Mapping[str, Claim], deadline: float
    ) -> Message | None:
        """What a process sends next; None where its time is up. A case has the time that its claim states, by
        the clock."""
        if at.case is None:
            return self._spare.await_message(worker, BETWEEN_LIMIT, deadline)[0]
        return self._spare.receive(worker, min(deadline, at.since + claims[at.case].time_limit))


def _file_name(invocation: int) -> str:
    return f"invocation-{invocation:03d}"
