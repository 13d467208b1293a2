"""Lanes: the processes that run laps, started afresh for every heat and stopped while another one is asked.

What forks and what has threads of its own live apart: a fork takes no threads along, and one that holds a lock is
held for ever. No answer is waited for longer than there is time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.loading.loaders import LOADER_KINDS
from harness.model import LoaderSample, SampleStage, Setting, StepInput
from harness.processes.launch import lane_command, measuring_environment
from harness.processes.live import LiveProcess, Reaper
from harness.workers.client import WorkerClient, WorkerFailed

START_LIMIT = 180.0
"""Seconds in which a lane must have imported torch and found the images."""

LAP_LIMIT = 600.0
"""Seconds that one question may take, where nothing is known to take longer."""


class LoaderWorkerError(HarnessError):
    """A lane that cannot start, or a question that failed; the message is one line for people.

    ``file`` is the image that cannot be decoded, where that is the reason. ``refused`` says that what was asked for
    cannot be had on this machine, as a device that it lacks.
    """

    def __init__(self, said: str, file: str | None = None, *, refused: bool = False) -> None:
        super().__init__(said)
        self.file = file
        self.refused = refused


class OutOfTime(LoaderWorkerError):
    """There is no time for a question, or none was left while it was answered. Nobody is to blame."""


class LoaderClient:
    """The lanes of one heat. Use as a context manager: nothing outlives it.

    ``plan`` is what each lane is told first: data, device, step. ``lent`` is what `launch.lend` made for a foreign
    interpreter. ``left`` says how many seconds there are; ``limit`` is how many of them one question may take.
    ``start_seconds`` is how long it took to start the last lane; None before the first.
    """

    def __init__(
        self,
        python: str,
        plan: Mapping[str, Any],
        log: Path,
        *,
        lent: Path | None = None,
        left: Callable[[], float] = lambda: inf,
    ) -> None:
        self._python = python
        self._plan = plan
        self._log = log
        self._lent = lent
        self._left = left
        self.limit = LAP_LIMIT
        self.start_seconds: float | None = None
        self._stack = ExitStack()
        self._clients: dict[bool, WorkerClient] = {}

    def __enter__(self) -> LoaderClient:
        self._guard = self._stack.enter_context(Reaper())
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def begin(self, kinds: Iterable[str]) -> None:
        """Start what these kinds need and is not there side by side: importing torch takes each of them seconds.

        Whatever goes wrong here is told to who asks next.
        """
        wanted = {_apart(kind) for kind in kinds} - self._clients.keys()
        started = {apart: (self._launch(), time.monotonic()) for apart in wanted if self._left() > 0}
        for apart, (process, at) in started.items():
            with suppress(WorkerFailed, TimeoutError):
                self._open(apart, process, at)

    def introduce(self) -> dict[str, Any]:
        """What a lane says of the machine, the images and the kinds. Raises LoaderWorkerError, as all questions do."""
        return self._ask(False, "introduce")

    def examine(self, seconds: float) -> dict[str, str]:
        """The images that cannot be decoded, of those that were looked at in so many seconds, with the reasons."""
        return {str(file): str(why) for file, why in self._ask(False, "examine", seconds=seconds)["damaged"].items()}

    def leave_out(self, files: Iterable[str]) -> None:
        """Do without these images from now on, in the lanes that are open."""
        gone = list(files)
        for apart in list(self._clients):
            self._ask(apart, "leave out", files=gone)

    def lap(
        self,
        setting: Setting,
        feed: StepInput,
        *,
        seed: int,
        count: int,
        least_seconds: float,
        most_seconds: float = inf,
        alone: bool = False,
    ) -> LoaderSample:
        """One lap, of the loop or of the loader ``alone``."""
        found = self._ask(
            _apart(setting.kind),
            "lap",
            setting=asdict(setting),
            feed=str(feed),
            seed=seed,
            count=count,
            least_seconds=least_seconds,
            most_seconds=_finite(most_seconds),
            alone=alone,
        )
        return LoaderSample(float(found["seconds"]), int(found["samples"]), dict(found["readings"]), bool(found["cut"]))

    def unlike(self, setting: Setting, *, seconds: float = inf) -> str | None:
        """What a kind delivers otherwise than the plain loader; None where it does not.

        ``seconds`` is how long it may look for images that are stored in different ways.
        """
        asked = {"setting": asdict(setting), "seconds": _finite(seconds)}
        found = self._ask(_apart(setting.kind), "check", **asked)["unlike"]
        return None if found is None else str(found)

    def one_core(self, setting: Setting, *, seed: int, count: int, most_seconds: float = inf) -> float:
        """Seconds a sample on one core."""
        asked = {"setting": asdict(setting), "seed": seed, "count": count, "most_seconds": _finite(most_seconds)}
        return float(self._ask(_apart(setting.kind), "one core", **asked)["seconds"])

    def ceilings(self, setting: Setting, *, most_seconds: float = inf) -> dict[str, float]:
        """Samples a second that the disk and the copy allow; nothing where there is neither."""
        asked = {"setting": asdict(setting), "most_seconds": _finite(most_seconds)}
        return {name: float(rate) for name, rate in self._ask(False, "ceilings", **asked)["rates"].items()}

    def epoch_samples(self) -> int:
        """The images that there are in all."""
        return int(self._ask(False, "epoch samples")["samples"])

    def survey(self, setting: Setting, *, seed: int, persistent: bool) -> dict[str, float]:
        """What a loader costs beside the time of its batches, in epochs without a step."""
        asked = {"setting": asdict(setting), "seed": seed, "persistent": persistent}
        readings = self._ask(_apart(setting.kind), "survey", **asked)["readings"]
        return {name: float(value) for name, value in readings.items()}

    def stages(self, *, seed: int, count: int, batch_size: int, most_seconds: float = inf) -> tuple[SampleStage, ...]:
        """Where the time goes on one core."""
        asked = {"seed": seed, "count": count, "batch_size": batch_size, "most_seconds": _finite(most_seconds)}
        return tuple(SampleStage(**stage) for stage in self._ask(False, "stages", **asked)["stages"])

    def _ask(self, apart: bool, what: str, **details: Any) -> dict[str, Any]:
        if self._left() <= 0:
            raise OutOfTime("no time was left")
        try:
            client = self._clients.get(apart) or self._open(apart, self._launch(), time.monotonic())
            client.timeout = self._within(self.limit)
            return client.ask(do=what, **details)
        except (WorkerFailed, TimeoutError) as error:
            # One that has ended is started again for the next question.
            if (ended := self._clients.get(apart)) is not None and ended.ended:
                del self._clients[apart]
            if isinstance(error, TimeoutError) and self._left() <= 0:
                raise OutOfTime("no time was left") from None
            raise LoaderWorkerError(
                str(error), getattr(error, "file", None), refused=getattr(error, "refused", False)
            ) from None

    def _within(self, seconds: float) -> float:
        """So many seconds, or those that are left."""
        return min(seconds, max(0.0, self._left()))

    def _launch(self) -> LiveProcess:
        process = LiveProcess(
            lane_command(self._python),
            guard=self._guard,
            environment=measuring_environment(self._lent),
            log=self._log,
        )
        self._stack.callback(process.end)
        return process

    def _open(self, apart: bool, process: LiveProcess, launched: float) -> WorkerClient:
        folder = self._guard.folder
        place = folder / f"lane-{len(list(folder.glob('lane-*.log')))}"
        place.with_suffix(".log").symlink_to(self._log.resolve())
        client = WorkerClient("a lane", process, place, self._within(START_LIMIT))
        client.ask(**self._plan)
        self.start_seconds = time.monotonic() - launched
        self._clients[apart] = client
        return client


def _apart(kind: str) -> bool:
    """Whether a kind lives in a process of its own, where nothing is forked."""
    return LOADER_KINDS[kind].threads


def _finite(seconds: float) -> float | None:
    """As messages have it: None for no bound."""
    return None if seconds == inf else seconds
