"""The crew: measuring processes, one at a time at work, each within its limits.

A few processes are started together and import torch side by side; each then waits, stopped, for its turn and is told
only then what to measure. A process that hangs, dies or is killed costs the case in flight: the others are measured by
the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from harness.contest.effort import Effort
from harness.launch import measuring_environment, pytest_command
from harness.model import Claim, Measurement, Status
from harness.processes import ChannelClosed, Guard, LiveProcess, Message, exit_reason
from harness.run.roll_call import CrewError, RollCall
from harness.store import read_measurements

START_LIMIT = 180.0
"""Seconds a process may take to import the benchmarks."""

CALL_LIMIT = 120.0
"""Seconds a benchmark may take to reach its contest when the roll is called."""

BETWEEN_LIMIT = 60.0
"""Seconds a process may take from one case to the next, and from the last to its end."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one process: its measurements, and what became of a case that it did not finish.

    ``error`` is set where the process could not go on for a reason that stops the whole run (a full disk);
    ``traced`` is what a traced pass said.
    """

    measurements: list[Measurement]
    unfinished: Measurement | None = None
    out_of_time: bool = False
    error: str = ""
    traced: Message | None = None


class Crew:
    """Starts, drives and ends measuring processes. Use as a context manager: nothing outlives it."""

    def __init__(
        self,
        python: str,
        root: Path,
        folder: Path,
        *,
        device: str,
        data: Path | None,
        width: int,
        snapshots: bool = False,
        lent: Path | None = None,
        begins: Callable[[str, int], None] = lambda *_: None,
        ends: Callable[[str, int], None] = lambda *_: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._python = python
        self._root = root
        self._folder = folder
        self._common = {
            "device": device,
            "data": str(data) if data else None,
            "folder": str(folder),
            "snapshots": snapshots,
        }
        self._width = width
        self._lent = lent
        self._begins = begins
        self._ends = ends
        self._tick = tick
        self._waiting: list[tuple[frozenset[str], LiveProcess, int]] = []
        self._started = 0
        self.import_seconds = 0.0
        self._random = SystemRandom()

    def __enter__(self) -> Crew:
        self._guard = Guard()
        return self

    def __exit__(self, *failure: object) -> None:
        self._dismiss()
        self._guard.close()

    def roll_call(self, files: Sequence[str]) -> RollCall:
        """Call every benchmark up to its contest, measuring nothing. Raises CrewError."""
        called = RollCall()
        left: list[str] | None = None
        while left is None or left:
            start = time.monotonic()
            process = self._launch(frozenset(files), 0)
            ready = self._ready(process, 0)
            if left is None:
                self.import_seconds = time.monotonic() - start
                left, called.broken = list(ready["cases"]), ready["broken"]
            stuck = self._call(process, left, called)
            # A case that took the process with it has had its turn; the others are called by another process.
            left = [case for case in left if case not in called.answered] if stuck else []
        return called

    def _call(self, process: LiveProcess, cases: Sequence[str], called: RollCall) -> bool:
        """Call these cases; whether one of them kept the others from answering. Raises CrewError."""
        began = ""
        told = False
        try:
            process.channel.send(do="roll call", cases=list(cases), **self._common)
            while True:
                message = self._receive(process, time.monotonic() + (CALL_LIMIT if began else START_LIMIT))
                if message is None:
                    if not began:
                        raise CrewError(f"the benchmarks were not called in {START_LIMIT:g} s; see {self._log(0)}")
                    if began not in called.answered:
                        called.failed[began] = f"its contest was not called in {CALL_LIMIT:g} s"
                    return True
                called.hear(message)
                told = told or message.get("event") == "environment"
                began = message["case"] if message.get("event") == "begins" else began
        except ChannelClosed:
            status = process.wait(10.0)
        finally:
            ended = process.end()
        status = ended if status is None else status
        if not told:
            raise CrewError(f"no process can measure: {exit_reason(status)}: {self._last_words(0)}")
        finished = status in (0, 1)  # pytest came to its end, whatever it thinks of the tests
        if not finished and began and began not in called.answered:
            called.failed[began] = exit_reason(status)
            return True
        for case in set(cases) - called.answered:
            called.failed[case] = "it ended without a contest" if finished else exit_reason(status)
        return False

    def measure(
        self,
        invocation: int,
        cases: Mapping[str, tuple[Claim, Effort, tuple[str, ...] | None, bool]],
        *,
        deadline: float,
        ahead: int = 1,
    ) -> Report:
        """One invocation: the cases with their effort, variants (None: all) and whether to find peak memory.

        ``deadline`` (monotonic seconds) ends it whatever it is doing; ``ahead`` is how many invocations of these cases
        are likely to come, so that as many processes may be started together.
        """
        plan = {
            case: {
                "effort": asdict(effort),
                "variants": list(variants) if variants is not None else None,
                "memory": memory,
            }
            for case, (_, effort, variants, memory) in cases.items()
        }
        claims = {case: claim for case, (claim, _, _, _) in cases.items()}
        return self._drive(invocation, claims, plan, deadline=deadline, ahead=ahead, do="measure")

    def solo(self, invocation: int, case: str, claim: Claim, variant: str, *, deadline: float) -> Report:
        """A solo pass of one variant, in a process that nothing else has touched and no other accompanies."""
        self._dismiss()
        plan = {case: {"effort": asdict(Effort()), "variants": [variant], "memory": False}}
        return self._drive(invocation, {case: claim}, plan, deadline=deadline, ahead=1, do="solo", variant=variant)

    def trace(self, invocation: int, case: str, claim: Claim, variant: str, file: Path, *, deadline: float) -> Report:
        """A traced pass of one variant into ``file``, in a process of its own as a solo pass has it."""
        self._dismiss()
        more = {"variant": variant, "file": str(file)}
        return self._drive(invocation, {case: claim}, {case: {}}, deadline=deadline, ahead=1, do="trace", **more)

    def _drive(
        self,
        invocation: int,
        claims: Mapping[str, Claim],
        plan: dict[str, Any],
        *,
        deadline: float,
        ahead: int,
        do: str,
        **more: Any,
    ) -> Report:
        files = frozenset(claim.path for claim in claims.values())
        process, number = self._take(files, ahead)
        name = f"invocation-{invocation:03d}"
        began: tuple[str, float] | None = None
        between = time.monotonic()
        out_of_time, error = False, ""
        unfinished: Measurement | None = None
        traced: Message | None = None
        try:
            process.resume()
            process.channel.send(
                do=do,
                cases=plan,
                seed=self._random.getrandbits(32),
                invocation=invocation,
                name=name,
                **self._common,
                **more,
            )
            while True:
                limit = between + BETWEEN_LIMIT if began is None else began[1] + claims[began[0]].time_limit
                message = self._receive(process, min(deadline, limit))
                if message is None:
                    out_of_time = time.monotonic() >= deadline
                    if not out_of_time and began is not None:
                        unfinished = self._ended(
                            began[0],
                            claims,
                            invocation,
                            Status.TIMED_OUT,
                            f"not finished after its time limit of {claims[began[0]].time_limit:g} s",
                            time.monotonic() - began[1],
                        )
                    break
                match message.get("event"):
                    case "begins":
                        began = (message["case"], time.monotonic())
                        self._begins(message["case"], invocation)
                    case "traced":
                        traced, began, between = message, None, time.monotonic()
                    case "ends":
                        began, between = None, time.monotonic()
                        self._ends(message["case"], invocation)
                    case "error":
                        error = message["reason"]
        except ChannelClosed:
            status = process.wait(10.0)
            if began is not None and not error:
                why = exit_reason(status if status is not None else process.end())
                unfinished = self._ended(began[0], claims, invocation, Status.FAILED, why, time.monotonic() - began[1])
        finally:
            status = process.end()
            if began is not None:
                self._ends(began[0], invocation)
        found = read_measurements(self._folder / f"{name}.jsonl")
        if unfinished is not None:
            if any(measurement.case == unfinished.case for measurement in found):
                unfinished = None  # its record was written, and only the news of it did not arrive
            elif do == "solo":
                unfinished = replace(unfinished, survey=True)  # contests go on without the pass
        if not found and unfinished is None and do != "trace" and not out_of_time and not error:
            error = f"an invocation measured nothing: {exit_reason(status)}: {self._last_words(number)}"
        return Report(found, unfinished, out_of_time, error, traced)

    def _ended(
        self, case: str, claims: Mapping[str, Claim], invocation: int, status: Status, reason: str, seconds: float
    ) -> Measurement:
        return Measurement(case, claims[case].name, invocation, status, reason, seconds=seconds)

    def _receive(self, process: LiveProcess, limit: float) -> Message | None:
        """The next message before ``limit``; the screen is kept up to date meanwhile, once a second."""
        while (left := limit - time.monotonic()) > 0:
            message = process.channel.receive(min(1.0, left))
            if message is not None:
                return message
            self._tick()
        return None

    def _take(self, files: frozenset[str], ahead: int) -> tuple[LiveProcess, int]:
        """A process that has imported these files; started now, with company, where none is waiting."""
        for index, (imported, process, number) in enumerate(self._waiting):
            if files <= imported:
                del self._waiting[index]
                return process, number
        self._dismiss()
        count = max(1, min(self._width, ahead))
        numbers = range(self._started + 1, self._started + count + 1)
        started = [(self._launch(files, number), number) for number in numbers]
        self._started += count
        for process, number in started:
            try:
                self._ready(process, number)
            except CrewError:
                for other, _ in started:
                    other.end()
                raise
            process.pause()
            self._waiting.append((files, process, number))
        _, process, number = self._waiting.pop(0)
        return process, number

    def _launch(self, files: frozenset[str], number: int) -> LiveProcess:
        command = pytest_command(self._python, self._root, [str(self._root / file) for file in sorted(files)])
        environment = {**measuring_environment(self._lent), "PYTHONHASHSEED": str(self._random.getrandbits(32))}
        return LiveProcess(command, guard=self._guard, environment=environment, log=self._log(number))

    def _ready(self, process: LiveProcess, number: int) -> Message:
        try:
            message = self._receive(process, time.monotonic() + START_LIMIT)
        except ChannelClosed:
            raise CrewError(
                f"no process can measure: {exit_reason(process.end())}: {self._last_words(number)}"
            ) from None
        if message is None:
            process.end()
            raise CrewError(f"the benchmarks were not imported in {START_LIMIT:g} s; see {self._log(number)}")
        return message

    def _dismiss(self) -> None:
        for _, process, _ in self._waiting:
            process.end()
        self._waiting.clear()

    def _log(self, number: int) -> Path:
        return self._folder / f"process-{number:03d}.log"

    def _last_words(self, number: int) -> str:
        log = self._log(number)
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return f"{lines[-1]} (see {log})" if lines else "it said nothing"
