"""What a gate is to do, and what it shows meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.bench.settings import WATCH
from harness.gate.base_revision import BaseRevision
from harness.gate.pair import SideCommand
from harness.judge.regression import GateThresholds
from harness.model import Claim, FunctionTime, GateOutlook, LooksAhead, Side, TraceSummary
from harness.store import Run

BUDGET = 1800.0
"""Seconds a gate may take by default."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a gate compares, by which thresholds, and in what time.

    ``labels`` are the names of the two sides for people, ``before`` what base's own revision has, None if it
    has no revision of its own. ``seconds`` is the time budget; ``watch`` is how often a second the machine is
    monitored, 0 for not at all; ``accepted`` are exact metrics of which more is accepted. ``sources`` are
    digests of the benchmark files, None where the gate is not to be resumed.
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
    sources: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """What ``gate --baseline`` compares: a stored run, by label or folder among ``results``, with this code.

    ``select`` are the words that chose the claims; the other fields mean what they do in `GateSettings`.
    """

    baseline: str
    results: Path
    benchmarks: Path
    claims: Sequence[Claim]
    select: tuple[str, ...]
    thresholds: GateThresholds
    device: str = "auto"
    data: Path | None = None
    seconds: float = BUDGET
    watch: float = WATCH
    accepted: frozenset[str] = frozenset()


class GateDisplay(Protocol):
    """The display that shows how a gate goes on, and has the words for what was found."""

    def note(self, text: str) -> None: ...  # noqa: D102
    def begins(self, case: str, unit: int) -> None: ...  # noqa: D102
    def unit(self, number: int, decided: int, decisions: int, regressed: int, seconds: float) -> None: ...  # noqa: D102
    def tick(self) -> None: ...  # noqa: D102
    def first_looks(self, decisions: int, ahead: LooksAhead) -> None: ...  # noqa: D102
    def unlikely(self, case: str, variant: str, outlook: GateOutlook) -> None: ...  # noqa: D102
    def remarks(self, run: Run) -> Sequence[str]: ...  # noqa: D102
    def memory_growth(self, base: Mapping[str, int], head: Mapping[str, int], more: float) -> str: ...  # noqa: D102
    def growth(  # noqa: D102
        self,
        base: TraceSummary,
        head: TraceSummary,
        seconds: float,
        base_functions: Sequence[FunctionTime] = (),
        head_functions: Sequence[FunctionTime] = (),
    ) -> str: ...
