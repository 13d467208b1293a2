"""The messages between processes that measure and those that start them; `harness.workers.codec` carries
them.

A measuring process imports its benchmarks, sends `Ready` and receives one `Plan`. It reports the events of
each case while it goes through them. Processes that hold variants (`VariantPlan`, `SidePlan`) then answer
the requests of `harness.workers.variant_requests`, one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.measure.limits import RoundLimits
from harness.model import Collected, Package, Status
from harness.workers.codec import Message

# --- plans --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan(Message):
    """What a process is to do with which of its cases, on which device (``auto``, ``cpu``, ``cuda``), with
    which data.

    ``claims`` has the names of the cases' claims among those of all files, which one process need not have
    read.
    """

    cases: tuple[str, ...]
    device: str
    data: Path | None
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectPlan(Plan):
    """Call every case up to its measurement, and measure nothing."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the measurements of an invocation go: the file ``name`` in ``folder``, under this number; and its
    seed."""

    folder: Path
    name: str
    invocation: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPlan(Plan):
    """One invocation whose measurements are recorded."""

    recording: Recording


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """How one case is measured: its limits, its variants (None: all), and whether peak memory is found.

    ``first`` says that the case was not measured before.
    """

    limits: RoundLimits
    variants: tuple[str, ...] | None
    memory: bool
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurePlan(RecordedPlan):
    """Measure the cases in blocks; ``snapshots`` asks for the allocator's snapshots."""

    options: Mapping[str, CaseOptions]
    snapshots: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedPlan(RecordedPlan):
    """An isolated pass of one variant of one case."""

    variant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPlan(RecordedPlan):
    """Take one reading of these variants of each case; ``snapshots`` asks for the allocator's."""

    reading: str
    variants: Mapping[str, tuple[str, ...]]
    snapshots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePlan(Plan):
    """A traced pass of one variant of one case, into ``file``."""

    variant: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPlan(Plan):
    """Hold one variant of one case, set apart from the others, and answer for it."""

    variant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePlan(Plan):
    """Be one side of a gate: hold every variant of one case after the other, in the given order.

    ``core`` is the number of the core to begin with, the same on both sides. `SideInfo`, with the packages
    ``under_test``, is sent first where ``introduce`` is set.
    """

    core: int
    introduce: bool = False
    under_test: tuple[str, ...] = ()


# --- events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Importing(Message):
    """A benchmark file is about to be imported; empty when that is over."""

    file: str = ""


@dataclass(frozen=True, slots=True)
class Ready(Message):
    """The benchmarks were imported; a plan may come."""

    collected: Collected


@dataclass(frozen=True, slots=True)
class EnvironmentFound(Message):
    """What the process runs on; ``unusable_gpu`` is why torch cannot use a GPU that is there, else empty."""

    environment: Mapping[str, Any]
    unusable_gpu: str


@dataclass(frozen=True, slots=True)
class SideInfo(Message):
    """What a side of a gate runs on, and where it takes the packages under test from."""

    environment: Mapping[str, Any]
    packages: tuple[Package, ...]
    unusable_gpu: str


@dataclass(frozen=True, slots=True)
class CaseBegins(Message):
    """The case is being set up: its time limit begins."""

    case: str


@dataclass(frozen=True, slots=True)
class ResultSketch:
    """What a call returned: a digest of what must be equal, and numbers, each with what it may differ by.

    Where the result has no stable form, ``unknown`` names its type, and the rest is empty.
    """

    digest: str = ""
    numbers: tuple[tuple[float, float], ...] = ()
    kind: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class CaseFound(Message):
    """The case reached its call of compare, with these variants; ``unavailable`` are those this machine
    cannot run.

    Of a test that uses pytest-benchmark, sent when it has passed; ``result`` is what its call returned.
    """

    case: str
    variants: tuple[str, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    result: ResultSketch | None = None


@dataclass(frozen=True, slots=True)
class CaseAbsent(Message):
    """The case was skipped, or failed, before its call of compare."""

    case: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class CaseEnds(Message):
    """The case's measurement is on the disk."""

    case: str


@dataclass(frozen=True, slots=True)
class CaseTraced(Message):
    """The end of a traced pass: seconds per iteration without and with the profiler, or why there is no
    trace."""

    case: str
    seconds: float = 0.0
    traced_seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VariantReady(Message):
    """The case of a `VariantPlan` has reached its call of compare: requests may come."""
