"""Lanes: the processes that run laps, started afresh for every heat and stopped while another one is asked.

What forks and what has threads of its own live apart: a fork takes no threads along, and one that holds a lock is
held for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.contest.seat import Seat, SeatError
from harness.launch import lane_command, measuring_environment
from harness.model import LOADER_KINDS, Feed, Lap, Setting, Stage
from harness.processes import Guard, LiveProcess

START_LIMIT = 180.0
"""Seconds in which a lane must have imported torch and found the images."""

LAP_LIMIT = 180.0
"""Seconds that one question may take."""


class LaneError(Exception):
    """A lane that cannot start, or a question that failed; the message is one line for people.

    ``file`` is the image that cannot be decoded, where that is the reason.
    """

    def __init__(self, said: str, file: str | None = None) -> None:
        super().__init__(said)
        self.file = file


class Lanes:
    """The lanes of one heat. Use as a context manager: nothing outlives it.

    ``plan`` is what each lane is told first: data, device, step.
    """

    def __init__(self, python: str, plan: Mapping[str, Any], log: Path, *, lent: Path | None = None) -> None:
        self._python = python
        self._plan = plan
        self._log = log
        self._lent = lent
        self._stack = ExitStack()
        self._seats: dict[bool, Seat] = {}

    def __enter__(self) -> Lanes:
        self._guard = self._stack.enter_context(Guard())
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def begin(self, kinds: Iterable[str]) -> None:
        """Start what these kinds need and is not there side by side: importing torch takes each of them seconds.

        Whatever goes wrong here is told to who asks next.
        """
        started = {apart: self._launch() for apart in {_apart(kind) for kind in kinds} - self._seats.keys()}
        for apart, process in started.items():
            with suppress(SeatError, TimeoutError):
                self._open(apart, process)

    def introduce(self) -> dict[str, Any]:
        """What a lane says of the machine, the images and the kinds. Raises LaneError."""
        return self._ask(False, "introduce")

    def lap(
        self, setting: Setting, feed: Feed, *, seed: int, count: int, least_seconds: float, alone: bool = False
    ) -> Lap:
        """One lap, of the loop or of the loader ``alone``. Raises LaneError."""
        found = self._ask(
            _apart(setting.kind),
            "lap",
            setting=asdict(setting),
            feed=str(feed),
            seed=seed,
            count=count,
            least_seconds=least_seconds,
            alone=alone,
        )
        return Lap(float(found["seconds"]), int(found["samples"]), dict(found["readings"]))

    def unlike(self, setting: Setting) -> str | None:
        """What a kind delivers otherwise than the plain loader; None where it does not. Raises LaneError."""
        found = self._ask(_apart(setting.kind), "check", setting=asdict(setting))["unlike"]
        return None if found is None else str(found)

    def one_core(self, setting: Setting, *, seed: int, count: int) -> float:
        """Seconds a sample on one core. Raises LaneError."""
        apart = _apart(setting.kind)
        return float(self._ask(apart, "one core", setting=asdict(setting), seed=seed, count=count)["seconds"])

    def ceilings(self, setting: Setting) -> dict[str, float]:
        """Samples a second that the disk and the copy allow; nothing where there is neither. Raises LaneError."""
        return {
            name: float(rate) for name, rate in self._ask(False, "ceilings", setting=asdict(setting))["rates"].items()
        }

    def epoch_samples(self) -> int:
        """The images that there are in all. Raises LaneError."""
        return int(self._ask(False, "epoch samples")["samples"])

    def survey(self, setting: Setting, *, seed: int, persistent: bool) -> dict[str, float]:
        """What a loader costs beside the time of its batches, in epochs without a step. Raises LaneError."""
        apart = _apart(setting.kind)
        asked = {"setting": asdict(setting), "seed": seed, "persistent": persistent}
        return {name: float(value) for name, value in self._ask(apart, "survey", **asked)["readings"].items()}

    def stages(self, *, seed: int, count: int, batch_size: int) -> tuple[Stage, ...]:
        """Where the time goes on one core. Raises LaneError."""
        found = self._ask(False, "stages", seed=seed, count=count, batch_size=batch_size)["stages"]
        return tuple(Stage(**stage) for stage in found)

    def _ask(self, apart: bool, what: str, **details: Any) -> dict[str, Any]:
        try:
            seat = self._seats.get(apart) or self._open(apart, self._launch())
            return seat.ask(do=what, **details)
        except (SeatError, TimeoutError) as error:
            # One that has ended is started again for the next question.
            if (ended := self._seats.get(apart)) is not None and ended.ended:
                del self._seats[apart]
            raise LaneError(str(error), getattr(error, "file", None)) from None

    def _launch(self) -> LiveProcess:
        process = LiveProcess(
            lane_command(self._python),
            guard=self._guard,
            environment=measuring_environment(self._lent),
            log=self._log,
        )
        self._stack.callback(process.end)
        return process

    def _open(self, apart: bool, process: LiveProcess) -> Seat:
        folder = self._guard.folder
        place = folder / f"lane-{len(list(folder.glob('lane-*.log')))}"
        place.with_suffix(".log").symlink_to(self._log.resolve())
        seat = Seat("a lane", process, place, START_LIMIT)
        seat.ask(**self._plan)
        seat.timeout = LAP_LIMIT
        self._seats[apart] = seat
        return seat


def _apart(kind: str) -> bool:
    """Whether a kind lives in a process of its own, where nothing is forked."""
    return LOADER_KINDS[kind].threads
