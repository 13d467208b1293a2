"""The track: lanes opened when they are needed and replaced when they have run long enough, and laps on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness.model import Feed, Lap, Setting
from harness.run.roll_call import CrewError
from harness.run.tuning.lanes import LaneError, Lanes

Answer = TypeVar("Answer")

HEATS_A_LANE = 2
"""Heats that one set of processes runs: starting them costs seconds, but no two are quite alike."""

BATCHES = 8
"""Batches in a window, at the least."""

LEAST_SECONDS = 1.0
"""Seconds that a window lasts at the least; starting workers and filling their queues takes longer than that."""


MOST_LEFT_OUT = 8
"""Damaged images that are left out, one after the other: with more of them somebody should look at the data first."""


class Track:
    """Use as a context manager: no process outlives it.

    An image that cannot be decoded is no setting's fault: it is left out for all, and ``note`` is told.
    """

    def __init__(
        self,
        python: str,
        plan: Mapping[str, Any],
        folder: Path,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._python = python
        self._plan = plan
        self._folder = folder
        self._note = note
        self._left_out: list[str] = []
        self._lanes: Lanes | None = None
        self._opened = 0
        self._heats_left = 0

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *failure: object) -> None:
        self.fresh()

    def lanes(self) -> Lanes:
        """Those that are open, or new ones."""
        if self._lanes is None:
            self._opened += 1
            log = self._folder / f"lanes-{self._opened:03d}.log"
            plan = {**self._plan, "without": self._left_out}
            self._lanes = Lanes(self._python, plan, log).__enter__()
        return self._lanes

    def ask(self, question: Callable[[Lanes], Answer]) -> Answer:
        """The lanes' answer, of new ones without a damaged image where they come across one.

        Raises LaneError, and CrewError where there are too many such images.
        """
        while True:
            try:
                return question(self.lanes())
            except LaneError as error:
                if error.file is None or error.file in self._left_out:
                    raise
                if len(self._left_out) == MOST_LEFT_OUT:
                    raise CrewError(f"{MOST_LEFT_OUT} images were left out already, and {error}") from None
                self._left_out.append(error.file)
                self._note(f"left out: {error}")
                self.fresh()

    def fresh(self) -> None:
        """Close them: the next question opens new ones."""
        self._heats_left = 0
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.__exit__()

    def heat(self, settings: Iterable[Setting]) -> None:
        """Have processes ready in which these settings may run a heat: new ones where the last have run enough."""
        if not self._heats_left:
            self.fresh()
            self._heats_left = HEATS_A_LANE
        self._heats_left -= 1
        self.lanes().begin({setting.kind for setting in settings})

    def lap(self, setting: Setting, feed: Feed, *, seed: int, alone: bool = False) -> Lap:
        """A lap in a window that suits the setting. Raises LaneError."""
        count = window_of(setting)
        return self.ask(
            lambda lanes: lanes.lap(setting, feed, seed=seed, count=count, least_seconds=LEAST_SECONDS, alone=alone)
        )


def window_of(setting: Setting) -> int:
    """Batches in a window: a multiple of the workers, for they deliver in turns, and at least three turns."""
    workers = max(1, setting.workers)
    return workers * max(3, -(-BATCHES // workers))
