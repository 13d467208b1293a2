"""A pair: the live processes of both sides, which go through the same cases together. One pair gives one
unit.

Both run the same benchmark files; once they have been imported, only one of the two is ever awake.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from random import Random, SystemRandom

from harness.errors import HarnessError
from harness.gate.case_state import CaseState, CaseStatus
from harness.gate.decision import Decision
from harness.measure.correctness import WrongResult
from harness.model import Collected, Side, Status, benchmark_of
from harness.processes.cpu_limit import CpuLimit
from harness.processes.launch import measuring_environment, pytest_command
from harness.processes.live import ChannelClosed, LiveProcess, Reaper, exit_reason
from harness.processes.logs import last_words
from harness.profile.chunks import TraceError
from harness.report.gate_reason import ONE_FILE
from harness.workers.client import RemoteRunner, WorkerClient, WorkerFailed
from harness.workers.codec import Message, receive
from harness.workers.collect import Refused, WorkerError
from harness.workers.protocol import CaseAbsent, CaseFound, Importing, Ready, SideInfo, SidePlan
from harness.workers.variant_requests import Stop

START_LIMIT = 180.0
"""CPU-seconds a process may take to import the benchmarks, and to reach a case's call of compare."""


@dataclass(frozen=True, slots=True)
class SideCommand:
    """How to start the process of one side.

    Of its ``variables``, ``shown`` are those that were requested. ``borrowed`` is the folder of packages that
    a foreign interpreter borrows from ours.
    """

    side: Side
    python: str
    variables: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    borrowed: Path | None = None


class ConftestError(WorkerError):
    """A side cannot import a conftest.py."""


class SideLost(HarnessError):
    """The process of a side is gone; the message has its last words, ``case`` what it was about to begin, if
    any."""

    def __init__(self, side: Side, reason: str, case: str = "") -> None:
        super().__init__(reason)
        self.side = side
        self.case = case


class PassFailed(HarnessError):
    """What a pass beside the units could not do, with the side and the reason."""


class WorkerPair:
    """Both processes. Use as a context manager: neither outlives it, whatever dies.

    Once entered, ``collected`` is what each side found in the files.
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
        self._cases: list[str] = []
        self.clients: dict[Side, WorkerClient] = {}
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
        # The first to start may get the better memory: it is not always the base.
        for command in SystemRandom().sample(self._sides, len(self._sides)):
            process = LiveProcess(
                self._command[command.side],
                guard=guard,
                environment={**measuring_environment(command.borrowed), **command.variables, **seed},
                log=self._log[command.side],
            )
            self._stack.callback(process.end)
            processes[command.side] = process
        for side, process in processes.items():
            try:
                ready = self._ready(side, process)
            except ConftestError as error:
                if side is Side.BASE and Side.HEAD not in self.clients:
                    # What head cannot import either is to be mended in head.
                    self._ready(Side.HEAD, processes[Side.HEAD])
                raise WorkerError(f"{error}; {ONE_FILE}" if side is Side.BASE else str(error)) from None
            self.collected[side] = ready.collected
            process.pause()
            place = guard.folder / str(side)
            place.with_suffix(".log").symlink_to(self._log[side].resolve())
            self.clients[side] = WorkerClient(str(side), process, place, START_LIMIT, cpu_time=True)

    def _ready(self, side: Side, process: LiveProcess) -> Ready:
        allowance, spent, file = CpuLimit(process.pid, START_LIMIT), "", ""
        try:
            while True:
                # Once more when it is spent: what was sent in time counts, however late we are ourselves.
                message = receive(process.channel, 0.0 if spent else 0.5)
                match message:
                    case Ready():
                        return message
                    case Importing(file):
                        continue
                if spent:
                    break
                self._tick()
                spent = allowance.spent()
        except ChannelClosed:
            status, log = process.end(), self._log[side]
            words = last_words(log, killed=status < 0)
            at = f" {file}" if file else ""
            why = f"the {side} side cannot measure{at}: {exit_reason(status)}: {words} (see {log})"
            raise (ConftestError if words.in_conftest else WorkerError)(why) from None
        raise WorkerError(
            f"the {side} side did not import {file or 'the benchmarks'}: {spent}; see {self._log[side]}"
        )

    def begin(self, cases: Sequence[str], plan: SidePlan) -> dict[Side, SideInfo]:
        """Send both sides the cases to go through, in that order; gives what they run on, if the plan
        requests it.

        Raises SideLost, and Refused where this machine cannot measure what was requested.
        """
        self._cases = list(cases)
        found: dict[Side, SideInfo] = {}
        for side, client in self.clients.items():
            here = tuple(case for case in cases if case in self.collected[side].cases)
            self._send(side, client, replace(plan, cases=here))
            if plan.introduce:
                info = self._receive(side, client)
                assert isinstance(info, SideInfo), info
                found[side] = info
        return found

    def walk(self, random: Random) -> Iterator[tuple[str, dict[Side, CaseState]]]:
        """Have both sides go from case to case; each accepts requests about the one that is yielded.

        They reach it one after the other, in random order. Raises SideLost.
        """
        inside = dict.fromkeys(self.clients, False)
        for case in self._cases:
            now: dict[Side, CaseState] = {}
            for side in random.sample(list(self.clients), 2):
                if case in self.collected[side].cases:
                    # A side that is in a case has to leave it first.
                    now[side] = self._next(side, case, leaving=inside[side])
                    inside[side] = now[side].status is CaseStatus.READY
                else:
                    now[side] = self._without(side, case)
            yield case, now

    @contextmanager
    def blame(self, side: Side, decision: Decision) -> Iterator[None]:
        """Give this side the decision's time limit, and name it for what is raised inside: SideLost,
        PassFailed.

        Nothing else is measured after it, so that it has its CPU time whatever the budget is.
        """
        self.clients[side].timeout, self.clients[side].longest = decision.claim.time_limit, inf
        try:
            yield
        except (TimeoutError, WorkerFailed, WrongResult, TraceError) as error:
            if self.clients[side].ended:
                raise SideLost(side, str(error), decision.case) from error
            raise PassFailed(f"{side}: {error}") from error

    def runner(self, side: Side, variant: str) -> RemoteRunner:
        """A variant of the present case, on one side."""
        return GateRunner(variant, self.clients[side])

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
                skipped = status is Status.SKIPPED
                return CaseState(status=CaseStatus.SKIPPED if skipped else CaseStatus.FAILED, reason=reason)
            case message:
                raise SideLost(side, f"it sent {message} instead of the state of {case}", case)

    def _receive(self, side: Side, client: WorkerClient, case: str = "") -> Message:
        try:
            return client.receive()
        except (WorkerFailed, TimeoutError) as error:
            if isinstance(error, WorkerFailed) and error.refused:
                raise Refused(str(error)) from None
            raise SideLost(side, str(error), case) from None

    def _without(self, side: Side, case: str) -> CaseState:
        """The state of a case that a side does not list: its file skips itself or is broken there, or lacks
        it."""
        match self.collected[side].why_absent(benchmark_of(case)):
            case Status.SKIPPED, reason:
                return CaseState(status=CaseStatus.SKIPPED, reason=reason)
            case _, reason:
                return CaseState(status=CaseStatus.BROKEN, reason=reason)
        return CaseState(status=CaseStatus.MISSING, reason=f"{side} has no such case")


class GateRunner(RemoteRunner):
    """A variant on one side of a gate: its first result stays there and is checked there."""

    def first_call(self) -> tuple[float, object]:
        """The first iteration there."""
        return self._call_first(None), None
