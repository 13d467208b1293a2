"""A job, and what it does on its node: run an ordinary command of ours, and note where and how it ended.

The command writes its run's folder, which is the result; what this function returns is used by nobody.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from harness.model.run_set import NodeNote
from harness.processes.live import Reaper
from harness.store.sets import write_note


@dataclass(frozen=True, slots=True)
class NodeJob:
    """A command that writes the run ``folder/name`` on ``node``; ``seconds`` is its time limit.

    ``variables`` are set for it, or taken away where they are None.
    """

    name: str
    node: str
    folder: Path
    command: tuple[str, ...]
    seconds: float
    working: Path
    variables: Mapping[str, str | None] = field(default_factory=dict)
    attempt: int = 1


def job_environment(job: NodeJob) -> dict[str, str]:
    """The variables of a job's command."""
    kept = {name: value for name, value in os.environ.items() if name not in job.variables}
    return kept | {name: value for name, value in job.variables.items() if value is not None}


def run_job(job: NodeJob, *, scheduled: bool) -> None:
    """Run the command to its end. ``scheduled``: a scheduler sends its signals to all processes of the job.

    Otherwise the command is in a session of its own, SIGTERM is passed on to it, and it ends when this
    process does. Where no note can be written, the folder is not shared with the node: nothing is measured
    then.
    """
    began = time.time()
    write_note(job.folder, job.name, NodeNote(platform.node(), began))
    with _warnings_ignored(), nullcontext() if scheduled else Reaper() as guard:
        child = subprocess.Popen(
            job.command,
            stdin=subprocess.DEVNULL,
            env=job_environment(job),
            cwd=job.working,
            start_new_session=not scheduled,
        )
        if guard is not None:
            guard.watch(child.pid)
        with _terminated(None if scheduled else child):
            status = child.wait()
        if guard is not None:
            guard.release(child.pid)
    note = NodeNote(platform.node(), began, max(0, status), max(0, -status))
    write_note(job.folder, job.name, note)


@contextmanager
def _warnings_ignored() -> Iterator[None]:
    """The signals by which schedulers warn of a time limit end nothing: our own limit comes first.

    A process that is started meanwhile ignores them too.
    """
    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _terminated(child: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """SIGTERM goes to the child, if one is given; this process waits for its end either way."""

    left = [] if child is None else [child]

    def passed_on(number: int, _: FrameType | None) -> None:
        # Once: a second one would interrupt what the first one made it do.
        while left:
            with suppress(ProcessLookupError):
                left.pop().send_signal(number)

    before = signal.signal(signal.SIGTERM, passed_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
