"""What a gate is asked for, and what it tells whoever is watching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.bench.settings import WATCH
from harness.gate.before import BaseRevision
from harness.gate.pair import SideCommand
from harness.judge.regression import GateThresholds
from harness.model import Claim, Side

BUDGET = 1800.0
"""Seconds a gate may take where nobody says how long."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a gate was asked for.

    ``labels`` is what people call the two sides, ``before`` what the base's own revision has, None where it has no
    revision of its own. ``seconds`` is the time budget; ``watch`` is how often a second the machine is looked at
    meanwhile, 0 for not at all; ``accepted`` are exact metrics of which more is accepted.
    """

    benchmarks: Path
    claims: Sequence[Claim]
    sides: tuple[SideCommand, SideCommand]
    labels: Mapping[Side, str]
    thresholds: GateThresholds
    device: str = "auto"
    data: Path | None = None
    under_test: tuple[str, ...] = ()
    before: BaseRevision | None = None
    seconds: float = BUDGET
    selftest: bool = False
    watch: float = WATCH
    accepted: frozenset[str] = frozenset()


class GateDisplay(Protocol):
    """What a gate tells whoever is watching."""

    def note(self, text: str) -> None: ...  # noqa: D102
    def begins(self, case: str, unit: int) -> None: ...  # noqa: D102
    def unit(self, number: int, decided: int, decisions: int, regressed: int, seconds: float) -> None: ...  # noqa: D102
    def tick(self) -> None: ...  # noqa: D102
