"""Live processes that take turns: one runs a round while the others are stopped.

Each variant has a process of its own. Between turns its whole process group is stopped, workers and spinning
OpenMP threads included; they would double the times of the process whose turn it is. A turn ends with the
reply to one request, and on a GPU the process has synchronised before it replies (its clock did).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from harness.measure.runner import TreeUsage
from harness.model import Claim
from harness.processes.launch import measuring_environment
from harness.processes.live import LiveProcess, Reaper
from harness.workers.client import RemoteRunner, WorkerClient
from harness.workers.codec import Message, send
from harness.workers.protocol import VariantReady

if TYPE_CHECKING:
    from harness.processes.fork_server import ForkServer

Launch = Callable[[str], tuple[Sequence[str], Message]]
"""From a variant's name to the command line that starts its process, and the plan for that process."""


class TakingTurns:
    """Starts processes and gives them turns. Use as a context manager: no process outlives it."""

    def __init__(
        self,
        launch: Launch,
        *,
        environment: Mapping[str, str],
        timeout: float,
        watch: Callable[[int], TreeUsage] | None = None,
        forks: ForkServer | None = None,
    ) -> None:
        self._launch = launch
        self._forks = forks
        # Equal in all processes of a set: the order of sets and dicts of strings must not be what differs
        # between them.
        self._environment = {**environment, "PYTHONHASHSEED": str(int.from_bytes(os.urandom(2), "big"))}
        self._timeout = timeout
        self._watch = watch
        self._stack = ExitStack()
        self._started = 0

    def __enter__(self) -> TakingTurns:
        self._guard = self._stack.enter_context(Reaper())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, name: str) -> RemoteRunner:
        """Start a process for the variant; it sets nothing up before its first turn."""
        command, plan = self._launch(name)
        self._started += 1
        # Not by the variant's name, which may hold what a path may not.
        place = self._guard.folder / f"variant-{self._started}"
        process = LiveProcess(
            command,
            guard=self._guard,
            environment=self._environment,
            log=place.with_suffix(".log"),
            forks=self._forks,
        )
        self._stack.callback(process.end)
        send(process.channel, plan)
        tree = self._watch(process.pid) if self._watch else None
        return SoleRunner(name, WorkerClient(name, process, place, self._timeout), tree)


class SoleRunner(RemoteRunner):
    """The only variant of its process."""

    def setup(self) -> None:
        """Wait until the process has reached its call of compare, and set the variant up there."""
        while not isinstance(self.client.reply(), VariantReady):
            pass
        super().setup()


def own_processes(
    launch: Launch, forks: ForkServer | None = None
) -> Callable[[Claim, Sequence[str], ExitStack], dict[str, RemoteRunner]]:
    """What starts a process for each variant of a case, or has it forked; all of them end with the stack that
    they are entered into."""

    def start(claim: Claim, names: Sequence[str], stack: ExitStack) -> dict[str, RemoteRunner]:
        from harness.probes import ProcessTree

        turns = stack.enter_context(
            TakingTurns(
                launch,
                environment=measuring_environment(),
                # A process that hangs is to be ended before the whole case is, or it takes the others with
                # it.
                timeout=claim.time_limit / 2,
                watch=ProcessTree if claim.loader else None,
                forks=forks,
            )
        )
        return {name: turns.start(name) for name in names}

    return start
