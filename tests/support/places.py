"""Jobs by script: a place where each does what a test says, and a clock that moves when somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.cluster.drive import Moments
from harness.cluster.job import NodeJob
from harness.cluster.place import JobState, SubmitError, Submitted
from harness.model.run_set import JobEnd, NodeNote
from harness.store.lines import Writer
from harness.store.sets import LOGS, write_note

STARTED = 1_000_000.0
"""The wall clock at the beginning."""


@dataclass
class Clock:
    """Moves when somebody waits; ``then`` is called after each wait."""

    now: float = 0.0
    then: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.then()

    def moments(self) -> Moments:
        """As the driver knows it."""
        return Moments(lambda: self.now, lambda: STARTED + self.now, self.wait)


def leave_run(
    job: NodeJob, why: str | None = "everything was decided", *, host: str = "host", began: float = STARTED
) -> None:
    """What a job leaves: its note and its run, with or without an end."""
    write_note(job.folder, job.name, NodeNote(host, began))
    (job.folder / job.name).mkdir(exist_ok=True)
    writer = Writer(job.folder / job.name / "run.jsonl")
    writer.write("run", schema=1, claims=[])
    if why is not None:
        writer.write("end", why=why)
    writer.close()


@dataclass
class ScriptedPlace:
    """Answers by ``script``: a job's states one look after another, the last one for ever.

    A state may be a function, which is called with the job and gives the state. None stands for a scheduler
    that does not answer.
    """

    script: Mapping[str, list[JobState | Callable[[NodeJob], JobState] | None]]
    in_turn: bool = False
    poll: float = 5.0
    refused: Mapping[str, str] = field(default_factory=dict)
    down: frozenset[str] = frozenset()
    cancelled: list[str] = field(default_factory=list)
    on_cancel: Callable[[NodeJob], None] = lambda job: None
    jobs: dict[str, NodeJob] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def submit(self, job: NodeJob) -> Submitted:
        """Take it, or refuse it by the script."""
        if job.name in self.refused:
            raise SubmitError(self.refused[job.name])
        number = str(len(self.jobs) + 1)
        self.jobs[number] = job
        self.log.append(f"submit {job.name}")
        return Submitted(number, job.folder / LOGS / f"{number}.log")

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState] | None:
        """The next state of each."""
        self.log.append("look")
        found: dict[str, JobState] = {}
        for number in ids:
            job = self.jobs[number]
            if number in self.cancelled:
                self.on_cancel(job)
            steps = self.script[job.name]
            at = self.looks.get(number, 0)
            self.looks[number] = at + 1
            step = steps[min(at, len(steps) - 1)]
            if step is None:
                return None
            found[number] = step(job) if callable(step) else step
        return {number: state for number, state in found.items() if state.word != "FORGOTTEN"}

    def cancel(self, ids: Iterable[str]) -> None:
        """Keep their numbers."""
        self.cancelled += ids

    def usable(self, node: str) -> bool:
        """Unless it is down."""
        return node not in self.down


@dataclass
class Shown:
    """A display that keeps what it is shown."""

    lines: list[str] = field(default_factory=list)
    ends: list[JobEnd] = field(default_factory=list)

    def job(self, name: str, phase: str, reason: str) -> None:
        """Keep it."""
        self.lines.append(f"{name}: {phase} {reason}".rstrip())

    def job_ended(self, end: JobEnd) -> None:
        """Keep it."""
        self.ends.append(end)


def jobs_on(folder: Path, *nodes: str, seconds: float = 3600.0) -> list[NodeJob]:
    """A job for each node, in the folder of a set."""
    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    return [NodeJob(node, node, folder, ("bench", "--folder", node), seconds, folder) for node in nodes]
