"""The settings of a tuning, and what it shows meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.bench.settings import WATCH
from harness.judge.racing import RaceRule
from harness.model import LeftOut
from harness.store import Run
from harness.tune.budget import Budget

BUDGET = 300.0
"""Seconds that a tuning may take by default."""


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """What a tuning does. Without ``data`` or ``dataset`` (``module:function``) images are generated; without
    ``kinds`` or ``workers`` all race.

    ``watch`` is how often a second the machine is looked at meanwhile, 0 for not at all. ``borrowed`` is what
    `borrow_packages` made for an interpreter that is not ours.
    """

    data: Path | None
    step: str
    device: str
    batch_sizes: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    workers: tuple[int, ...] = ()
    budget: Budget = field(default_factory=lambda: Budget.of(BUDGET))
    rule: RaceRule = field(default_factory=RaceRule)
    python: str = sys.executable
    watch: float = WATCH
    borrowed: Path | None = None
    dataset: str = ""


class TuneDisplay(Protocol):
    """What a tuning reports while it runs."""

    def called(self, environment: Mapping[str, object], extent: str) -> None: ...  # noqa: D102
    def note(self, text: str) -> None: ...  # noqa: D102
    def doing(self, text: str, left_seconds: float) -> None: ...  # noqa: D102
    def left_out(self, settings: LeftOut) -> None: ...  # noqa: D102
    def remarks(self, run: Run) -> Sequence[str]: ...  # noqa: D102
