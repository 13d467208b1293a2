"""Jobs on this machine without anything beside: one process each, in turn."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from harness.cluster.job import NodeJob, job_environment
from harness.cluster.place import JobState, Phase, SubmitError, Submitted
from harness.model.run_set import NodeNote
from harness.processes.live import Reaper
from harness.store.sets import LOGS, write_note


class Here:
    """Processes of this machine, which end when this one does: ``guard`` sees to that."""

    in_turn = True
    poll = 0.2

    def __init__(self, guard: Reaper) -> None:
        self._guard = guard
        self._jobs: dict[str, tuple[NodeJob, subprocess.Popen[bytes], NodeNote]] = {}

    def submit(self, job: NodeJob) -> Submitted:
        """Start its command. Raises SubmitError."""
        log = job.folder / LOGS / f"{job.name}.log"
        note = NodeNote(platform.node(), time.time())
        try:
            write_note(job.folder, job.name, note)
            with log.open("ab") as output:
                child = subprocess.Popen(
                    job.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=job_environment(job),
                    cwd=job.working,
                    start_new_session=True,
                )
        except OSError as error:
            raise SubmitError(f"{job.command[0]} cannot be started: {error.strerror}") from error
        self._guard.watch(child.pid)
        self._jobs[str(child.pid)] = (job, child, note)
        return Submitted(str(child.pid), log)

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState]:
        """Whether each is still there."""
        return {name: self._state(name) for name in ids}

    def _state(self, name: str) -> JobState:
        job, child, note = self._jobs[name]
        status = child.poll()
        if status is None:
            return JobState(Phase.RUNNING)
        self._guard.release(child.pid)
        ended = replace(note, exit_code=max(0, status), signal=max(0, -status))
        with suppress(OSError):
            write_note(job.folder, job.name, ended)
        return JobState(Phase.OVER, exit_code=ended.exit_code, signal=ended.signal)

    def cancel(self, ids: Iterable[str]) -> None:
        """Each gets SIGTERM, which a run takes for Ctrl-C."""
        for name in ids:
            if self._jobs[name][1].poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(int(name), signal.SIGTERM)

    def usable(self, node: str) -> bool:  # noqa: ARG002
        """This machine is there."""
        return True
