"""The turnstile: live processes that take turns, one going round while the others are stopped.

Each entrant sits in a process of its own (a *seat*). Between turns its whole process group is stopped, workers and
spinning OpenMP threads included; they would double the times of whoever's turn it is. A turn ends with the answer to
one question, and on a GPU the side that answers has synchronised first (its clock did).
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.contest import travel
from harness.contest.entrant import LocalEntrant, Turn
from harness.processes import Channel, ChannelClosed, Guard, LiveProcess, Message, exit_reason

Seating = Callable[[str], tuple[Sequence[str], Mapping[str, Any]]]
"""From a variant's name to the command line that starts its seat, and the first message the seat is sent."""


REWARM = 0.005
"""Seconds of lead-in, at least, after a seat was stopped."""


class SeatError(Exception):
    """What a seated variant raised, or how its process ended."""


class Turnstile:
    """Starts seats and gives turns. Use as a context manager: no seat outlives it."""

    def __init__(self, seating: Seating, *, environment: Mapping[str, str], timeout: float, watch: Any = None) -> None:
        self._seating = seating
        # Equal in all seats of a set: the order of sets and dicts of strings must not be what differs between them.
        self._environment = {**environment, "PYTHONHASHSEED": str(int.from_bytes(os.urandom(2), "big"))}
        self._timeout = timeout
        self._watch = watch
        self._stack = ExitStack()
        self._seated = 0

    def __enter__(self) -> Turnstile:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tipbench-seats-")))
        self._guard = Guard()
        self._stack.callback(self._guard.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def seat(self, name: str) -> SeatedEntrant:
        """Start a process for the variant; it sets nothing up before its first turn."""
        command, plan = self._seating(name)
        self._seated += 1
        place = self._folder / f"seat-{self._seated}"  # not the name: a variant's may hold what a path may not
        process = LiveProcess(command, guard=self._guard, environment=self._environment, log=place.with_suffix(".log"))
        self._stack.callback(process.end)
        process.channel.send(**plan)
        return SeatedEntrant(name, process, place, self._timeout, self._watch)


class SeatedEntrant:
    """A variant in a live process of its own; between its turns that process is stopped."""

    def __init__(self, name: str, process: LiveProcess, place: Path, timeout: float, watch: Any) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._place = place
        self._timeout = timeout
        self._tree = watch(process.pid) if watch else None

    def enter(self) -> None:
        """Wait until the process has reached its contest, and set the variant up there."""
        while not self._answer().get("seated"):
            pass
        self._ask(do="enter")

    def open(self) -> tuple[float, object]:
        """The first iteration there; its result comes here as a file of tensors."""
        path = self._place.with_suffix(".pt")
        seconds = float(self._ask(do="open", path=str(path))["seconds"])
        result = travel.load(path)
        path.unlink()
        return seconds, result

    def lap(self, iterations: int, lead: int) -> Turn:
        """A round there; what the process tree spent on it is read from outside, before and after."""
        before = self._tree.cpu_seconds() if self._tree else 0.0
        answer = self._ask(do="lap", iterations=iterations, lead=lead)
        readings = answer["readings"]
        if self._tree:
            readings["cpu_seconds"] = max(0.0, self._tree.cpu_seconds() - before) / (iterations + lead)
        return Turn(answer["seconds"], answer["host_seconds"], readings)

    def peak(self) -> tuple[float, str]:
        """The peak of one iteration there."""
        answer = self._ask(do="peak")
        return float(answer["bytes"]), str(answer["source"])

    def launches(self) -> tuple[float, str] | None:
        """The kernels of one iteration there."""
        answer = self._ask(do="launches")
        return (float(answer["launches"]), str(answer["source"])) if answer["source"] else None

    def joules(self) -> tuple[float, str] | None:
        """The energy of one iteration there; the other seats are stopped meanwhile."""
        answer = self._ask(do="joules")
        return (float(answer["joules"]), str(answer["source"])) if answer["source"] else None

    def footprint(self) -> tuple[float, str]:
        """The seat's process tree, in which there is nothing but this variant; it is stopped while it is read."""
        if self._tree is None:
            raise SeatError("nobody watches this seat from outside")
        workers = {member.pid for member in self._tree.members()[1:]}
        bytes_held, source = self._tree.memory_with(workers)
        return float(bytes_held), f"{source}, after its first epoch, in a live process of its own"

    def leave(self) -> None:
        """Tidy up there; a seat that is gone already has nothing to tidy."""
        try:
            self._ask(do="leave")
        except SeatError:
            return

    def _ask(self, **question: Any) -> Message:
        self._process.resume()
        try:
            self._process.channel.send(**question)
            return self._answer()
        except ChannelClosed:
            raise SeatError(self._last_words()) from None
        finally:
            self._process.pause()

    def _answer(self) -> Message:
        try:
            answer = self._process.channel.receive(self._timeout)
        except ChannelClosed:
            raise SeatError(self._last_words()) from None
        if answer is None:
            self._process.end()
            raise TimeoutError(f"no answer from {self.name} in {self._timeout:g} s; its process was ended")
        if "error" in answer:
            raise SeatError(answer["error"])
        return answer

    def _last_words(self) -> str:
        log = self._place.with_suffix(".log")
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return f"{exit_reason(self._process.end())}: {lines[-1] if lines else 'it said nothing'}"


def serve(channel: Channel, entrant: LocalEntrant, failure: Callable[[BaseException], str]) -> None:
    """Sit: answer the turnstile's questions about one variant until it says leave."""
    channel.send(seated=True)
    while True:
        question = channel.receive()
        assert question is not None
        try:
            match question["do"]:
                case "enter":
                    entrant.enter()
                    # Collections would fall into rounds, and the process that gives turns can only stop its own.
                    gc.collect()
                    gc.disable()
                    channel.send(ok=True)
                case "open":
                    seconds, result = entrant.open()
                    travel.save(result, Path(question["path"]))
                    del result  # a live result would count as memory of every round to come
                    channel.send(seconds=seconds)
                case "lap":
                    turn = entrant.lap(question["iterations"], question["lead"])
                    channel.send(seconds=turn.seconds, host_seconds=turn.host_seconds, readings=dict(turn.readings))
                case "peak":
                    peak, source = entrant.peak()
                    channel.send(bytes=peak, source=source)
                case "launches":
                    counted, source = entrant.launches() or (0.0, "")
                    channel.send(launches=counted, source=source)
                case "joules":
                    spent, source = entrant.joules() or (0.0, "")
                    channel.send(joules=spent, source=source)
                case "leave":
                    entrant.leave()
                    channel.send(ok=True)
                    return
        except Exception as error:
            channel.send(error=failure(error))
