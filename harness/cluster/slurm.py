"""Jobs on a Slurm cluster, whose batch scripts submitit writes and submits."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, suppress
from io import StringIO
from math import ceil
from typing import Any

from harness.cluster.configuration import ClusterConfiguration
from harness.cluster.job import NodeJob, run_job
from harness.cluster.place import JobState, SubmitError, Submitted
from harness.cluster.queue import Queue, QueueError
from harness.errors import UsageError
from harness.store.sets import LOGS

_COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo")


class Slurm:
    """Jobs of one node each, which they have to themselves. Raises UsageError where Slurm's commands are
    missing."""

    in_turn = False
    poll = 5.0

    def __init__(self, configuration: ClusterConfiguration) -> None:
        if missing := [name for name in _COMMANDS if shutil.which(name) is None]:
            raise UsageError(
                f"--on slurm: there is no {missing[0]} on the PATH; type this on a machine from which jobs are "
                "submitted to Slurm (--on local runs the jobs on this one)"
            )
        self._configuration = configuration
        self._queue = Queue()

    def nodes(self, wanted: int | None) -> tuple[str, ...]:
        """The first ``wanted`` usable nodes by their names, or all of them. Raises UsageError."""
        stated = self._configuration
        try:
            partitions = self._queue.partitions()
            partition = stated.partition or next(iter(partitions), "")
            if partition not in partitions:
                raise UsageError(
                    f"--on slurm: there is no partition {partition!r} (there are: {', '.join(partitions) or 'none'}); "
                    f"set partition in {stated.place}"
                )
            there = self._queue.nodes(partition)
        except QueueError as error:
            raise UsageError(f"--on slurm: Slurm does not answer: {error}") from error
        if unknown := set(stated.nodes) - {node.name for node in there}:
            raise UsageError(
                f"{stated.place} nodes: partition {partition} has no node {min(unknown)!r} (it has: "
                f"{', '.join(node.name for node in there[:10]) or 'none'})"
            )
        chosen = (
            [node for node in there if node.name in stated.nodes] if stated.nodes else self._fitting(there)
        )
        usable = [node.name for node in chosen if node.usable]
        if len(usable) < (wanted or 1):
            others = ", ".join(f"{node.name} is {node.state}" for node in chosen if not node.usable)
            raise UsageError(
                f"--nodes: {wanted or 1} requested, and partition {partition} has {len(usable)} that can be used "
                f"({', '.join(usable) or 'none'}{f'; {others}' if others else ''}); request fewer, or another "
                f"partition in {stated.place}"
            )
        return tuple(usable[:wanted])

    def _fitting(self, there: Iterable[Any]) -> list[Any]:
        stated = self._configuration
        features = set(stated.constraint.split("&")) - {""}
        if set("|[]()*,!") & set(stated.constraint):
            raise UsageError(
                f"{stated.place} constraint: {stated.constraint!r} is not one feature or several with & between them; "
                "list the nodes that have it as nodes"
            )
        return [node for node in there if features <= node.features]

    def submit(self, job: NodeJob) -> Submitted:
        """Submit it. Raises SubmitError with what sbatch says."""
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        stated = self._configuration
        # An exclusive job has all CPUs and GPUs of its node, and as much memory as it asks for: 0 is all.
        parameters: dict[str, Any] = {
            "job_name": f"tipbench-{job.name}", "nodes": 1, "ntasks_per_node": 1, "exclusive": True, "mem": "0",
            "nodelist": job.node, "time": ceil(job.seconds / 60), "stderr_to_stdout": True,
            # Another run under the same name would be mixed with the first: we submit again ourselves.
            "additional_parameters": {"no-requeue": True},
            "srun_args": ["--cpu-bind=none"],
        }  # fmt: skip
        given = {"partition": stated.partition, "constraint": stated.constraint, "account": stated.account}
        parameters |= {name: value for name, value in given.items() if value}
        if stated.setup:
            parameters["setup"] = list(stated.setup)
        try:
            with redirect_stderr(StringIO()):  # submitit prints what its error holds
                executor = SlurmExecutor(job.folder / LOGS)
                executor.update_parameters(**parameters)
                found = executor.submit(run_job, job, scheduled=True)
        except (FailedJobError, OSError) as error:
            raise SubmitError(_last_words(str(error))) from error
        except FailedSubmissionError as error:
            raise SubmitError(str(error).partition("\n")[0]) from error
        return Submitted(found.job_id, found.paths.stdout)

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState] | None:
        """What Slurm knows of them."""
        return self._queue.states(ids)

    def cancel(self, ids: Iterable[str]) -> None:
        """Cancel them; what cannot be cancelled is over, or comes to its time limit."""
        listed = sorted(ids)
        if listed:
            with suppress(QueueError):
                self._queue.cancel(listed)

    def usable(self, node: str) -> bool:
        """Whether it is up."""
        try:
            return node in self.nodes(None)
        except UsageError:
            return False


def _last_words(text: str) -> str:
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ").strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "sbatch failed without a word")
