"""A pair: the live processes of both sides, walking through the same cases side by side. One pair gives one unit.

Both run the same benchmark files; only one of the two is ever awake once they have been imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random, SystemRandom

from harness.errors import HarnessError
from harness.measure.runner import TreeUsage
from harness.model import Collected, Side, Status
from harness.processes.cpu_limit import CpuLimit
from harness.processes.launch import measuring_environment, pytest_command
from harness.processes.live import ChannelClosed, LiveProcess, Reaper, exit_reason
from harness.processes.logs import in_conftest, last_words
from harness.workers.client import RemoteRunner, WorkerClient, WorkerFailed
from harness.workers.codec import Message, receive
from harness.workers.collect import Refused, WorkerError
from harness.workers.protocol import CaseAbsent, CaseFound, Ready, RequestFirstCall, SideInfo, SidePlan, Stop

MISSING = "missing"
"""The status of a case that a side does not have."""

BROKEN = "broken"
"""The status of a case whose file a side cannot import."""

ONE_FILE = (
    "both sides measure head's files: import what only head has inside the benchmark or fixture that needs it, or give "
    "that benchmark a file"
)
"""What to do where base cannot measure what it has."""

START_LIMIT = 180.0
"""CPU-seconds a process may take to import the benchmarks, and to reach a case's call of compare."""


@dataclass(frozen=True, slots=True)
class SideCommand:
    """How to start the process of one side; of its ``variables``, ``shown`` are those that somebody asked for."""

    side: Side
    python: str
    variables: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    lent: Path | None = None


@dataclass(frozen=True, slots=True)
class CaseState:
    """What became of a case on one side: its variants, those that cannot run here, or why it cannot be measured."""

    variants: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    reason: str = ""


class ConftestError(WorkerError):
    """A side cannot import a conftest.py."""


class SideLost(HarnessError):
    """The process of a side is gone; the message has its last words, ``case`` what it was on its way to, if any."""

    def __init__(self, side: Side, reason: str, case: str = "") -> None:
        super().__init__(reason)
        self.side = side
        self.case = case


class WorkerPair:
    """Both processes. Use as a context manager: neither outlives it, whatever dies.

    Once entered, ``collected`` is what each side found in the files, ``cases`` the cases among it.
    """

    def __init__(
        self,
        sides: Sequence[SideCommand],
        root: Path,
        files: Sequence[str],
        log_folder: Path,
        unit: int,
        *,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._sides = sides
        self._command = {
            command.side: pytest_command(command.python, root, [str(root / file) for file in files])
            for command in sides
        }
        self._log = {command.side: log_folder / f"unit-{unit:03d}-{command.side}.log" for command in sides}
        self._tick = tick
        self._stack = ExitStack()
        self._route: list[str] = []
        self.clients: dict[Side, WorkerClient] = {}
        self.cases: dict[Side, list[str]] = {}
        self.collected: dict[Side, Collected] = {}

    def __enter__(self) -> WorkerPair:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        guard = self._stack.enter_context(Reaper())
        # Equal in a pair: the order of sets and dicts of strings must not be what differs.
        seed = {"PYTHONHASHSEED": str(int.from_bytes(os.urandom(2), "big"))}
        processes = {}
        # Who starts first may get the better memory: it is not always the base.
        for command in SystemRandom().sample(self._sides, len(self._sides)):
            process = LiveProcess(
                self._command[command.side],
                guard=guard,
                environment={**measuring_environment(command.lent), **command.variables, **seed},
                log=self._log[command.side],
            )
            self._stack.callback(process.end)
            processes[command.side] = process
        for side, process in processes.items():
            try:
                ready = self._ready(side, process)
            except ConftestError as error:
                if side is Side.BASE and Side.HEAD not in self.clients:
                    # What head cannot import either is for head to mend.
                    self._ready(Side.HEAD, processes[Side.HEAD])
                raise WorkerError(f"{error}; {ONE_FILE}" if side is Side.BASE else str(error)) from None
            self.collected[side] = ready.collected
            self.cases[side] = list(ready.collected.cases)
            process.pause()
            place = guard.folder / str(side)
            place.with_suffix(".log").symlink_to(self._log[side].resolve())
            self.clients[side] = WorkerClient(str(side), process, place, START_LIMIT)

    def _ready(self, side: Side, process: LiveProcess) -> Ready:
        allowance = CpuLimit(process.pid, START_LIMIT)
        try:
            while True:
                spent = allowance.spent()
                # When it is spent, too: what was sent in time counts, however late we are ourselves.
                message = receive(process.channel, 0.0 if spent else 0.5)
                if isinstance(message, Ready):
                    return message
                if spent:
                    break
                self._tick()
        except ChannelClosed:
            status, log = process.end(), self._log[side]
            words = last_words(log, killed=status < 0)
            why = f"the {side} side cannot measure: {exit_reason(status)}: {words} (see {log})"
            raise (ConftestError if in_conftest(words) else WorkerError)(why) from None
        raise WorkerError(f"the {side} side did not import the benchmarks: {spent}; see {self._log[side]}")

    def begin(self, cases: Sequence[str], plan: SidePlan) -> dict[Side, SideInfo]:
        """Send both sides the plan for these cases, in that order; what they run on, where the plan asks for it.

        Raises SideLost, and Refused where this machine cannot measure what was requested.
        """
        self._route = list(cases)
        infos: dict[Side, SideInfo] = {}
        for side, client in self.clients.items():
            here = tuple(case for case in cases if case in self.cases[side])
            self._send(side, client, replace(plan, cases=here))
            if plan.introduce:
                info = self._receive(side, client)
                assert isinstance(info, SideInfo), info
                infos[side] = info
        return infos

    def walk(self, random: Random) -> Iterator[tuple[str, dict[Side, CaseState]]]:
        """Lead both sides from case to case; each is ready for questions about the one that is yielded.

        They reach it one after the other, in random order. A case that a side lacks is "missing"
        there. Raises SideLost.
        """
        at: dict[Side, CaseState] = {side: CaseState(status="at the door") for side in self.clients}
        for case in self._route:
            now: dict[Side, CaseState] = {}
            for side in random.sample(list(self.clients), 2):
                if case in self.cases[side]:
                    # A side that is in a case is told to leave it first.
                    now[side] = at[side] = self._next(side, case, leaving=not at[side].status)
                else:
                    now[side] = self._without(side, case)
            yield case, now

    def runner(self, side: Side, variant: str, tree: TreeUsage | None = None) -> RemoteRunner:
        """A variant of the case at hand, on one side."""
        return GateRunner(variant, self.clients[side], tree)

    def _send(self, side: Side, client: WorkerClient, message: Message) -> None:
        try:
            client.send(message)
        except WorkerFailed as error:
            raise SideLost(side, str(error)) from None

    def _next(self, side: Side, case: str, *, leaving: bool) -> CaseState:
        client = self.clients[side]
        client.timeout = START_LIMIT
        if leaving:
            self._send(side, client, Stop())
        match self._receive(side, client, case):
            case CaseFound(found, variants, absent) if found == case:
                return CaseState(tuple(name for name in variants if name not in absent), absent)
            case CaseAbsent(found, status, reason) if found == case:
                return CaseState(status=str(status), reason=reason)
            case message:
                raise SideLost(side, f"it sent {message}, on its way to {case}", case)

    def _receive(self, side: Side, client: WorkerClient, case: str = "") -> Message:
        try:
            return client.receive()
        except (WorkerFailed, TimeoutError) as error:
            if isinstance(error, WorkerFailed) and error.refused:
                raise Refused(str(error)) from None
            raise SideLost(side, str(error), case) from None

    def _without(self, side: Side, case: str) -> CaseState:
        """The standing of a case that a side does not list: its file skips itself or is broken there, or lacks it."""
        match self.collected[side].why_absent(case.partition("::")[0]):
            case Status.SKIPPED, reason:
                return CaseState(status=str(Status.SKIPPED), reason=reason)
            case _, reason:
                return CaseState(status=BROKEN, reason=reason)
        return CaseState(status=MISSING, reason=f"{side} has no such case")


class GateRunner(RemoteRunner):
    """A variant on one side of a gate: its first result stays there and is checked there."""

    def first_call(self) -> tuple[float, object]:
        """The first iteration there."""
        return self.client.request(RequestFirstCall(self.name)).seconds, None
