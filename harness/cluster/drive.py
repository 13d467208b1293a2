"""Jobs from their submission to their ends: what is waited for, what is lost, what is tried again.

A job is done when its run's record has its last line. What a scheduler says of it decides only whether to go
on waiting. A job that is over without that line is lost; where its node failed, or it made room for another,
it is submitted once more. What a run found never makes it run again.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness.cluster.job import NodeJob
from harness.cluster.place import JobState, Phase, Place, SubmitError
from harness.model import EndReason, RunEnd
from harness.model.run_set import JobEnd, JobOutcome, NodeNote, SetJob, outcome_of
from harness.store.sets import JobJournal, read_note, run_end

LATE = 30.0
"""Seconds for which a job that is over may still show files: network file systems take their time."""

ENDING = 60.0
"""Seconds in which jobs that were cancelled write the ends of their records."""

CLOCK_OFF = 60.0
"""Seconds by which a node's clock may differ before it is worth a word."""

SILENT = 300.0
"""Seconds beyond a job's time limit after which it is given up if nobody answers what became of it."""

_TAIL_BYTES, _TAIL_LINES = 2**14, 8


class ClusterDisplay(Protocol):
    """What is shown of jobs while they run."""

    def job(self, name: str, phase: str, reason: str) -> None: ...  # noqa: D102
    def job_ended(self, end: JobEnd) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Moments:
    """The clocks of the machine that submits, and how it waits."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class _OpenJob:
    job: NodeJob
    id: str
    log: Path
    submitted: float
    began_after: float
    state: JobState = field(default_factory=JobState)
    running: float | None = None
    over: float | None = None
    note: NodeNote | None = None
    clock_off: float = 0.0


class Driver:
    """Submits jobs to a place and waits for them; ``ends`` has how each ended, in that order."""

    def __init__(
        self, place: Place, journal: JobJournal, display: ClusterDisplay, moments: Moments | None = None
    ) -> None:
        self._place = place
        self._journal = journal
        self._display = display
        self._moments = moments or Moments()
        self._waiting: deque[NodeJob] = deque()
        self._open: list[_OpenJob] = []
        self.ends: list[JobEnd] = []

    def drive(self, jobs: Sequence[NodeJob]) -> None:
        """Have all of them run to their ends. KeyboardInterrupt passes through once they are cancelled."""
        self._waiting.extend(jobs)
        try:
            while self._waiting or self._open:
                self._submit()
                if self._open:
                    self._look()
                if self._open:
                    self._moments.wait(self._place.poll)
        except KeyboardInterrupt:
            self._cancel()
            raise
        except BaseException:
            # The disk is full, say: nobody would wait for the jobs, nor write down what became of them.
            self._place.cancel([one.id for one in self._open])
            raise

    def _submit(self) -> None:
        while self._waiting and not (self._place.in_turn and self._open):
            with _interrupts_deferred():
                self._submit_one(self._waiting.popleft())

    def _submit_one(self, job: NodeJob) -> None:
        try:
            taken = self._place.submit(job)
        except SubmitError as error:
            self._journal.submitted(SetJob(job.name, job.node, "", job.attempt))
            self._ended(JobEnd(job.name, JobOutcome.REFUSED, reason=str(error)))
            return
        moments = self._moments
        self._open.append(_OpenJob(job, taken.id, taken.log, moments.now(), moments.wall()))
        self._journal.submitted(SetJob(job.name, job.node, taken.id, job.attempt))

    def _look(self) -> None:
        states = self._place.states([one.id for one in self._open])
        now = self._moments.now()
        for one in list(self._open):
            if states is not None:
                state = states.get(one.id, JobState())
                if (state.phase, state.reason) != (one.state.phase, one.state.reason):
                    self._display.job(one.job.name, state.phase, state.reason)
                one.state = state
            self._read_note(one)
            if (end := self._end_of(one, now, answered=states is not None)) is not None:
                self._open.remove(one)
                self._settle(one, end)

    def _read_note(self, one: _OpenJob) -> None:
        first = one.note is None
        one.note = read_note(one.job.folder, one.job.name) or one.note
        if first and one.note is not None:
            one.running = self._moments.now() if one.running is None else one.running
            began = one.note.began
            ahead, behind = began - self._moments.wall(), one.began_after - began
            if max(ahead, behind) > CLOCK_OFF:
                one.clock_off = ahead if ahead > behind else -behind

    def _end_of(self, one: _OpenJob, now: float, *, answered: bool) -> JobEnd | None:
        """How a job ended; None while it is to be waited for."""
        found = run_end(one.job.folder / one.job.name)
        phase = one.state.phase
        interrupted = found is not None and found.reason is EndReason.INTERRUPTED
        if found is not None and not interrupted and (phase is Phase.OVER or not self._place.in_turn):
            return self._job_end(one, found)
        if one.state.stuck:
            self._place.cancel([one.id])
            return self._job_end(one, None, JobOutcome.REFUSED)
        if phase is Phase.RUNNING and one.running is None:
            one.running = now
        gone = phase is Phase.OVER or (answered and phase is Phase.UNKNOWN)
        if not gone:
            one.over = None
            limit = one.job.seconds + SILENT
            silent = not answered and now - (one.running or one.submitted) > limit
            return self._job_end(one, found) if silent and one.running is not None else None
        if one.over is None:
            one.over = now
        # Where its process is known to have ended, and the record with it, there is nothing to come.
        settled = found is not None and phase is Phase.OVER
        return self._job_end(one, found) if settled or now - one.over >= LATE else None

    def _job_end(self, one: _OpenJob, found: RunEnd | None, outcome: JobOutcome | None = None) -> JobEnd:
        note, state = one.note, one.state
        code, number = (state.exit_code, state.signal)
        if note is not None and note.exit_code is not None:
            code, number = note.exit_code, note.signal
        end = JobEnd(
            one.job.name,
            outcome or outcome_of(found),
            state.word,
            code,
            number,
            note.host if note else "",
            state.reason,
            clock_off=one.clock_off,
        )
        return replace(end, tail=tail(one.log)) if end.outcome is JobOutcome.LOST else end

    def _settle(self, one: _OpenJob, end: JobEnd) -> None:
        job = one.job
        failed = end.outcome in (JobOutcome.LOST, JobOutcome.CANCELLED) and one.state.fault
        if failed and job.attempt == 1 and self._place.usable(job.node):
            self._waiting.append(again(job))
            end = replace(end, retried=True)
        self._ended(end)

    def _ended(self, end: JobEnd) -> None:
        self.ends.append(end)
        self._journal.ended(end)
        self._display.job_ended(end)

    def _cancel(self) -> None:
        """Cancel what is open, and wait until the records have their ends, but not for long."""
        self._waiting.clear()
        self._place.cancel([one.id for one in self._open])
        last = self._moments.now() + ENDING
        while self._open and self._moments.now() < last:
            states = self._place.states([one.id for one in self._open]) or {}
            for one in list(self._open):
                one.state = states.get(one.id, one.state)
                found = run_end(one.job.folder / one.job.name)
                if one.state.phase is Phase.OVER or (found is not None and not self._place.in_turn):
                    self._read_note(one)
                    self._open.remove(one)
                    self._ended(self._job_end(one, found, None if found else JobOutcome.CANCELLED))
            if self._open:
                self._moments.wait(min(1.0, self._place.poll))
        for one in self._open:
            self._ended(self._job_end(one, None, JobOutcome.LOST))
        self._open.clear()


def again(job: NodeJob) -> NodeJob:
    """The same job under another name: its run is another one."""
    name = f"{job.name}-{job.attempt + 1}"
    words = tuple(
        name if word == job.name and before == "--folder" else word for before, word in _pairs(job.command)
    )
    return replace(job, name=name, command=words, attempt=job.attempt + 1)


def _pairs(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(("", *words), words, strict=False)


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until what is in here is done: a job that was just submitted is to be
    cancelled, too."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def tail(log: Path) -> tuple[str, ...]:
    """The last lines of a job's log, without submitit's own."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    kept = [line.rstrip() for line in lines if line.strip() and not line.startswith("submitit ")]
    return tuple(kept[-_TAIL_LINES:])
