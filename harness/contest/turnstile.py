"""The turnstile: live processes that take turns, one going round while the others are stopped.

Each entrant sits in a process of its own (a *seat*). Between turns its whole process group is stopped, workers and
spinning OpenMP threads included; they would double the times of whoever's turn it is. A turn ends with the answer to
one question, and on a GPU the side that answers has synchronised first (its clock did).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from harness.contest.seat import Seat, SeatedEntrant
from harness.processes import Guard, LiveProcess

Seating = Callable[[str], tuple[Sequence[str], Mapping[str, Any]]]
"""From a variant's name to the command line that starts its seat, and the first message the seat is sent."""


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
        self._guard = self._stack.enter_context(Guard())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def seat(self, name: str) -> SeatedEntrant:
        """Start a process for the variant; it sets nothing up before its first turn."""
        command, plan = self._seating(name)
        self._seated += 1
        place = self._guard.folder / f"seat-{self._seated}"  # not the name: a variant's may hold what a path may not
        process = LiveProcess(command, guard=self._guard, environment=self._environment, log=place.with_suffix(".log"))
        self._stack.callback(process.end)
        process.channel.send(**plan)
        tree = self._watch(process.pid) if self._watch else None
        return Seated(name, Seat(name, process, place, self._timeout), tree)


class Seated(SeatedEntrant):
    """The only variant in its seat."""

    def enter(self) -> None:
        """Wait until the process has reached its contest, and set the variant up there."""
        while not self.seat.answer().get("seated"):
            pass
        super().enter()
