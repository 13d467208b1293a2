"""The track: lanes opened when they are needed and replaced when they have run long enough, and laps on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from harness.model import LoaderSample, Setting, StepInput
from harness.plural import counted
from harness.tune.client import LAP_LIMIT, LoaderClient, LoaderWorkerError
from harness.workers.collect import WorkerError

Answer = TypeVar("Answer")

HEATS_A_LANE = 2
"""Heats that one set of processes runs: starting them costs seconds, but no two are quite alike."""

STARTS = 0.1
"""The share of the time left that starting new processes may take; where it takes more, the old ones run on."""

BATCHES = 8
"""Batches in a window, at the least."""

LEAST_SECONDS = 1.0
"""Seconds that a window lasts at the least; starting workers and filling their queues takes longer than that."""

SLOWER = 3.0
"""How many times longer than the longest lap so far a question may take before it is taken to hang."""

LEFT_OUT = 0.1
"""The share of the images that are left out where they cannot be decoded: with more of them somebody should look at
the data first."""


class RaceWorkers:
    """Use as a context manager: no process outlives it.

    An image that cannot be decoded is no setting's fault: it is left out for all, and ``note`` is told. ``left`` says
    how many seconds there are for an answer; ``lent`` is what `launch.lend` made for a foreign interpreter.
    """

    def __init__(
        self,
        python: str,
        plan: Mapping[str, Any],
        folder: Path,
        *,
        note: Callable[[str], None] = lambda _: None,
        left: Callable[[], float] = lambda: inf,
        lent: Path | None = None,
    ) -> None:
        self._python = python
        self._plan = plan
        self._folder = folder
        self._note = note
        self._left = left
        self._lent = lent
        self._left_out: list[str] = []
        self._lanes: LoaderClient | None = None
        self._opened = 0
        self._heats_left = 0
        self._start_seconds = 0.0
        self._limit = LAP_LIMIT
        self.images = 0

    def __enter__(self) -> RaceWorkers:
        return self

    def __exit__(self, *failure: object) -> None:
        self.fresh()

    @property
    def start_seconds(self) -> float:
        """How long it took to start a process for laps; 0 before the first."""
        if self._lanes is not None and self._lanes.start_seconds is not None:
            self._start_seconds = self._lanes.start_seconds
        return self._start_seconds

    def lanes(self) -> LoaderClient:
        """Those that are open, or new ones."""
        if self._lanes is None:
            self._opened += 1
            log = self._folder / f"lanes-{self._opened:03d}.log"
            plan = {**self._plan, "without": self._left_out}
            self._lanes = LoaderClient(self._python, plan, log, lent=self._lent, left=self._left).__enter__()
        self._lanes.limit = self._limit
        return self._lanes

    def ask(self, question: Callable[[LoaderClient], Answer]) -> Answer:
        """The lanes' answer, without a damaged image where they come across one.

        Raises LoaderWorkerError, and WorkerError where there are too many such images.
        """
        while True:
            try:
                return question(self.lanes())
            except LoaderWorkerError as error:
                if error.file is None or error.file in self._left_out:
                    raise
                self.leave_out({error.file: str(error)})

    def leave_out(self, damaged: Mapping[str, str]) -> None:
        """Leave out these images, for the reasons given, in open workers and in new ones. Raises WorkerError."""
        if not damaged:
            return
        self._left_out += damaged
        first = next(iter(damaged.values()))
        if len(self._left_out) > max(1, LEFT_OUT * self.images):
            raise WorkerError(
                f"{len(self._left_out)} of {counted(self.images, 'image')} cannot be decoded, more than "
                f"{LEFT_OUT:.0%}: {first}"
            )
        others = f", and {len(damaged) - 1} more that cannot be decoded" if len(damaged) > 1 else ""
        self._note(f"left out: {first}{others}")
        if self._lanes is not None:
            try:
                self._lanes.leave_out(damaged)
            except LoaderWorkerError:
                self.fresh()

    def fresh(self) -> None:
        """Close them: the next question opens new ones."""
        self._heats_left = 0
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.__exit__()

    def heat(self, settings: Iterable[Setting], left: float = inf) -> None:
        """Have processes ready in which these settings may run a heat: new ones where the last have run enough.

        ``left`` is how many seconds there are for heats: where starting takes too much of it, nothing is replaced.
        """
        if not self._heats_left and self.start_seconds <= STARTS * left:
            self.fresh()
            self._heats_left = HEATS_A_LANE
        self._heats_left = max(0, self._heats_left - 1)
        self.lanes().begin({setting.kind for setting in settings})

    def lap(
        self,
        setting: Setting,
        feed: StepInput,
        *,
        seed: int,
        most_seconds: float = inf,
        alone: bool = False,
        short: bool = False,
    ) -> LoaderSample:
        """A sample of so many seconds at most, in a window that suits the setting, or a short one.

        Raises LoaderWorkerError.
        """
        count, least = window_of(setting, short=short), LEAST_SECONDS * (0.5 if short else 1.0)
        return self.ask(
            lambda lanes: lanes.lap(
                setting, feed, seed=seed, count=count, least_seconds=least, most_seconds=most_seconds, alone=alone
            )
        )

    def expect(self, seconds: float) -> None:
        """A lap took so long: others may take a few times that before they are taken to hang."""
        self._limit = max(self._limit, SLOWER * seconds)


def window_of(setting: Setting, *, short: bool = False) -> int:
    """Batches in a window: a multiple of the workers, for they deliver in turns, and at least three turns.

    A ``short`` one has half of the batches, and at least two turns.
    """
    workers = max(1, setting.workers)
    return workers * (max(2, -(-BATCHES // (2 * workers))) if short else max(3, -(-BATCHES // workers)))
