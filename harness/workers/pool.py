"""The crew: measuring processes, one at a time at work, each within its limits.

A process is told what to measure only when its turn comes. One that hangs, dies or is killed costs the case in flight:
the others are measured by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from harness.measure.limits import RoundLimits
from harness.model import Claim, Collected, Measurement, Status
from harness.processes.live import ChannelClosed, Message, exit_reason
from harness.store import read_measurements
from harness.workers.collect import Collection, WorkerError
from harness.workers.spare import START_LIMIT, SpareWorker, SpareWorkers

CALL_LIMIT = 120.0
"""CPU-seconds a benchmark may take to reach its call of compare when the roll is called."""

BETWEEN_LIMIT = 60.0
"""Seconds a process may take from one case to the next, and from the last to its end."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What came of one process: its measurements, and what became of a case that it did not finish.

    ``error`` is set where the process could not go on for a reason that stops the whole run (a full disk);
    ``traced`` is what a traced pass said.
    """

    measurements: list[Measurement]
    unfinished: Measurement | None = None
    out_of_time: bool = False
    error: str = ""
    traced: Message | None = None


class WorkerPool:
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
        keeps_logs: bool = True,
        lent: Path | None = None,
        variables: Mapping[str, str] | None = None,
        begins: Callable[[str, int], None] = lambda *_: None,
        ends: Callable[[str, int], None] = lambda *_: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._common = {
            "device": device,
            "data": str(data) if data else None,
            "folder": str(folder),
            "snapshots": snapshots,
        }
        self._standby = SpareWorkers(
            python, root, folder, width=width, lent=lent, keeps_logs=keeps_logs, variables=variables or {}, tick=tick
        )
        self._begins = begins
        self._ends = ends
        self.import_seconds = 0.0
        self._random = SystemRandom()

    def __enter__(self) -> WorkerPool:
        self._standby.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._standby.__exit__(*failure)

    def collect(self, files: Sequence[str]) -> Collection:
        """Call every benchmark up to its measurement, measuring nothing. Raises WorkerError."""
        called = Collection()
        left: list[str] | None = None
        while left is None or left:
            start = time.monotonic()
            recruit, ready = self._standby.start(frozenset(files))
            if left is None:
                self.import_seconds = time.monotonic() - start
                called.collected = Collected.of(ready)
                left = list(called.collected.cases)
            stuck = self._call(recruit, left, called)
            # A case that took the process with it has had its turn; the others are called by another process.
            left = [case for case in left if case not in called.answered] if stuck else []
        return called

    def _call(self, recruit: SpareWorker, cases: Sequence[str], called: Collection) -> bool:
        """Call these cases; whether one of them kept the others from answering. Raises WorkerError."""
        began = ""
        told = False
        try:
            recruit.process.channel.send(do="roll call", cases=list(cases), **self._common)
            while True:
                message, spent = self._standby.await_message(recruit, CALL_LIMIT if began else START_LIMIT)
                if message is None:
                    if not began:
                        raise WorkerError(f"a process did not call the benchmarks: {spent}{recruit.where()}")
                    if began not in called.answered:
                        called.failed[began] = f"it did not reach its call of compare: {spent}"
                    return True
                called.hear(message)
                told = told or message.get("event") == "environment"
                began = message["case"] if message.get("event") == "begins" else began
        except ChannelClosed:
            status = recruit.process.wait(10.0)
        finally:
            ended = recruit.process.end()
        status = ended if status is None else status
        if not told:
            raise WorkerError(f"no process can measure: {recruit.ending(status)}")
        finished = status in (0, 1)  # pytest came to its end, whatever it thinks of the tests
        if not finished and began and began not in called.answered:
            called.failed[began] = exit_reason(status)
            return True
        for case in set(cases) - called.answered:
            called.failed[case] = "it ended without a call of compare" if finished else exit_reason(status)
        return False

    def measure(
        self,
        invocation: int,
        cases: Mapping[str, tuple[Claim, RoundLimits, tuple[str, ...] | None, bool]],
        *,
        deadline: float,
        ahead: int = 1,
    ) -> WorkerReport:
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

    def measure_isolated(
        self, invocation: int, case: str, claim: Claim, variant: str, *, deadline: float
    ) -> WorkerReport:
        """A solo pass of one variant, in a process that nothing else has touched and no other accompanies."""
        self._standby.close()
        plan = {case: {"effort": asdict(RoundLimits()), "variants": [variant], "memory": False}}
        return self._drive(invocation, {case: claim}, plan, deadline=deadline, ahead=1, do="solo", variant=variant)

    def count(
        self,
        invocation: int,
        cases: Mapping[str, tuple[Claim, tuple[str, ...]]],
        reading: str,
        limits: Mapping[str, float],
        *,
        deadline: float,
    ) -> WorkerReport:
        """A pass that takes one reading of these variants, in a process of its own; ``limits`` are seconds by case."""
        self._standby.close()
        plan = {
            case: {"effort": asdict(RoundLimits()), "variants": list(variants), "memory": False}
            for case, (_, variants) in cases.items()
        }
        claims = {case: replace(claim, time_limit=limits[case]) for case, (claim, _) in cases.items()}
        return self._drive(invocation, claims, plan, deadline=deadline, ahead=1, do="count", reading=reading)

    def trace(
        self, invocation: int, case: str, claim: Claim, variant: str, file: Path, *, deadline: float
    ) -> WorkerReport:
        """A traced pass of one variant into ``file``, in a process of its own as a solo pass has it."""
        self._standby.close()
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
    ) -> WorkerReport:
        files = frozenset(claim.path for claim in claims.values())
        recruit = self._standby.acquire(files, ahead)
        process = recruit.process
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
                claims={case: claim.name for case, claim in claims.items()},
                seed=self._random.getrandbits(32),
                invocation=invocation,
                name=name,
                **self._common,
                **more,
            )
            while True:
                limit = between + BETWEEN_LIMIT if began is None else began[1] + claims[began[0]].time_limit
                message = self._standby.receive(recruit, min(deadline, limit))
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
            elif do in ("solo", "count"):
                unfinished = replace(unfinished, survey=True)  # measurements go on without the pass
        if not found and unfinished is None and do != "trace" and not out_of_time and not error:
            error = f"an invocation measured nothing: {recruit.ending(status)}"
        return WorkerReport(found, unfinished, out_of_time, error, traced)

    def _ended(
        self, case: str, claims: Mapping[str, Claim], invocation: int, status: Status, reason: str, seconds: float
    ) -> Measurement:
        return Measurement(case, claims[case].name, invocation, status, reason, seconds=seconds)
