"""The gate's nouns: what its sides were, and the verdict on each decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.model.gate_note import GateNote
from harness.model.gate_reason import GateOutlook, GateReason
from harness.model.side import Side
from harness.model.verdict import Comparison


class GateOutcome(StrEnum):
    """The word of a gate's decision on one variant of one case.

    *Accepted* is a regression of an exact metric that was accepted beforehand.
    """

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    MISSING = "missing"
    NEW = "new"
    WRONG = "wrong"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate decided about one variant of one case and one metric.

    ``reason`` is None where the readings of an exact metric are the reason. ``comparison`` is head against
    base, None where nothing was measured; ``base`` and ``head`` are the readings of an exact metric or the
    typical time of an iteration in seconds. ``variant`` is empty where the whole case is meant. ``seconds``
    is the wall time spent on it. ``spread`` is the deviation of one unit and ``resolvable`` the smallest
    slow-down that can be resolved, both as shares; None for too few units. ``growth`` is what the report said
    of profiles of a regression, ``outlook`` why it is not likely to be decided, ``remarks`` are on throttled
    blocks.
    """

    case: str
    claim: str
    variant: str
    metric: str
    outcome: GateOutcome
    reason: GateReason | None = None
    comparison: Comparison | None = None
    base: float | None = None
    head: float | None = None
    seconds: float = 0.0
    spread: float | None = None
    resolvable: float | None = None
    growth: str = ""
    outlook: GateOutlook | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """A package under test as a side imported it: its file, and a digest of all its files."""

    name: str
    file: str
    digest: str


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What one side of a gate was: what people call it, its interpreter, its variables, what it imported, and
    where.

    ``environment`` is its fingerprint.
    """

    side: Side = field(metadata={"key": "arm"})  # codespell:ignore arm
    label: str
    python: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    environment: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate from end to end: both sides, every verdict, and the exit status that follows.

    ``decisions`` counts the noisy metrics that were judged, over which ``alpha`` was split; ``target`` and
    ``loader_target`` are the slow-downs to be caught, as shares. ``selftest`` marks identical code on both
    sides. ``unchanged`` says that nothing under test differs between the sides, and why: then nothing was
    measured. ``unfinished`` is whether an interrupt or the budget left something to measure.
    """

    base: SideFacts
    head: SideFacts
    verdicts: tuple[GateVerdict, ...]
    status: int
    decisions: int
    target: float
    loader_target: float
    alpha: float
    units: int
    seconds: float
    started: str = ""
    notes: tuple[GateNote, ...] = ()
    selftest: bool = False
    unchanged: str = ""
    unfinished: bool = False
