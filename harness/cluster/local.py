"""Jobs on this machine through submitit's subprocesses: the same path as on a cluster, in turn."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cluster.job import NodeJob, run_job
from harness.cluster.place import JobState, Phase, Submitted
from harness.errors import UsageError
from harness.store.sets import LOGS

if TYPE_CHECKING:
    import submitit


def check_submitit(option: str) -> None:
    """Raises UsageError where submitit is not installed."""
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"{option}: the package submitit is not installed; install it with: pip install submitit"
        ) from error


class Local:
    """Subprocesses of submitit's. ``make`` stands in for its LocalExecutor: a folder for logs in, an executor
    out.

    submitit starts all jobs of an array at once, whatever it is asked for: here each job is one of its own.
    """

    in_turn = True
    poll = 0.2

    def __init__(self, make: Callable[[Path], submitit.Executor] | None = None) -> None:
        self._make = make or _executor
        self._jobs: dict[str, submitit.Job[Any]] = {}

    def submit(self, job: NodeJob) -> Submitted:
        """Start it."""
        executor = self._make(job.folder / LOGS)
        executor.update_parameters(timeout_min=ceil(job.seconds / 60), stderr_to_stdout=True)
        with _interrupts_blocked():
            found = executor.submit(run_job, job, scheduled=False)
        self._jobs[found.job_id] = found
        return Submitted(found.job_id, found.paths.stdout)

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState]:
        """Whether each is still there."""
        return {name: JobState(Phase.OVER if self._jobs[name].done() else Phase.RUNNING) for name in ids}

    def cancel(self, ids: Iterable[str]) -> None:
        """Each gets SIGTERM, which reaches its command: submitit's own way leaves it a second to end."""
        for name in ids:
            if self._jobs[name].done():
                continue
            with suppress(ProcessLookupError):
                os.kill(int(name), signal.SIGTERM)

    def usable(self, node: str) -> bool:  # noqa: ARG002
        """This machine is there."""
        return True


def _executor(folder: Path) -> submitit.Executor:
    import submitit

    return submitit.LocalExecutor(folder)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """What is started here does not see Ctrl-C, which is for this process: it ends the jobs in order."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
