"""The track: lanes opened when they are needed and replaced when they have run long enough, and laps on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.model import Feed, Lap, Setting
from harness.run.tuning.lanes import Lanes

HEATS_A_LANE = 2
"""Heats that one set of processes runs: starting them costs seconds, but no two are quite alike."""

BATCHES = 8
"""Batches in a window, at the least."""

LEAST_SECONDS = 0.4
"""Seconds that a window lasts at the least."""


class Track:
    """Use as a context manager: no process outlives it. ``threads`` names the kinds that need lanes of their own."""

    def __init__(
        self, python: str, plan: Mapping[str, Any], folder: Path, threads: frozenset[str] = frozenset()
    ) -> None:
        self._python = python
        self._plan = plan
        self._folder = folder
        self.threads = threads
        self._lanes: Lanes | None = None
        self._opened = 0

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *failure: object) -> None:
        self.fresh()

    def lanes(self) -> Lanes:
        """Those that are open, or new ones."""
        if self._lanes is None:
            self._opened += 1
            log = self._folder / f"lanes-{self._opened:03d}.log"
            self._lanes = Lanes(self._python, self._plan, self.threads, log).__enter__()
        return self._lanes

    def fresh(self) -> None:
        """Close them: the next question opens new ones."""
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.__exit__()

    def lap(self, setting: Setting, feed: Feed, *, seed: int, alone: bool = False) -> Lap:
        """A lap in a window that suits the setting. Raises LaneError."""
        count = window_of(setting)
        return self.lanes().lap(setting, feed, seed=seed, count=count, least_seconds=LEAST_SECONDS, alone=alone)


def window_of(setting: Setting) -> int:
    """Batches in a window: a multiple of the workers, for they deliver in turns, and at least three turns."""
    workers = max(1, setting.workers)
    return workers * max(3, -(-BATCHES // workers))
