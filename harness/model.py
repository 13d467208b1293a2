"""The nouns of the harness: frozen data, standard library only.

Every quantity is in SI units. A *sample* is one number for one round of one variant, always per iteration;
equal index in two variants of one measurement means the same block, measured next to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SCHEMA = 1
"""Version of the record format; a file of a newer schema is refused, never half understood."""

BASELINE = "baseline"
"""The name of the variant that all others of a case are measured against."""

ALL_DECIDED = "everything was decided"
ALL_MEASURED = "every invocation that its profile allows was held"
BUDGET_USED = "the time budget was used up"
INTERRUPTED = "interrupted"
"""Why a run ended by itself. What a budget or an interrupt kept it from measuring was not reached, rather than lost."""


class Direction(StrEnum):
    """Which way a metric gets better."""

    LOWER = "lower"
    HIGHER = "higher"
    NONE = "none"


class Kind(StrEnum):
    """Whether repeating a measurement changes the number."""

    EXACT = "exact"
    NOISY = "noisy"


class Expect(StrEnum):
    """What a claim says the variant does to the metric, relative to the baseline."""

    LOWER = "lower"
    HIGHER = "higher"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity with a unit, a direction and a kind."""

    name: str
    unit: str
    direction: Direction
    kind: Kind
    meaning: str


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("seconds", "s", Direction.LOWER, Kind.NOISY, "time of one iteration"),
        Metric("host_seconds", "s", Direction.LOWER, Kind.NOISY, "host time until the work was launched"),
        Metric("peak_bytes", "B", Direction.LOWER, Kind.EXACT, "most bytes alive at once in one iteration"),
        Metric("joules", "J", Direction.LOWER, Kind.NOISY, "energy of one iteration, the whole GPU board"),
        Metric("launches", "1", Direction.LOWER, Kind.EXACT, "kernels that one iteration launches on a GPU"),
        Metric("wait_seconds", "s", Direction.LOWER, Kind.NOISY, "time the loop waited for batches"),
        Metric("wait_p50_seconds", "s", Direction.LOWER, Kind.NOISY, "median wait for one batch"),
        Metric("wait_p99_seconds", "s", Direction.LOWER, Kind.NOISY, "99th percentile of the wait for one batch"),
        Metric("first_batch_seconds", "s", Direction.LOWER, Kind.NOISY, "time until the first batch of an epoch"),
        Metric("loader_seconds", "s", Direction.LOWER, Kind.NOISY, "one epoch of the loader alone, without a step"),
        Metric("cpu_seconds", "s", Direction.LOWER, Kind.NOISY, "CPU time of the process tree"),
        Metric("pss_bytes", "B", Direction.LOWER, Kind.NOISY, "most proportional set size of the process tree"),
        Metric(
            "tree_bytes", "B", Direction.LOWER, Kind.NOISY, "memory of a process and its workers, shared pages once"
        ),
        Metric("pinned_bytes", "B", Direction.LOWER, Kind.NOISY, "page-locked host memory"),
        Metric("device_bytes", "B", Direction.LOWER, Kind.NOISY, "device memory in use as NVML sees it"),
        Metric("gpu_share", "1", Direction.LOWER, Kind.NOISY, "share of the time any kernel ran, as NVML samples it"),
        Metric("threads_left", "1", Direction.LOWER, Kind.EXACT, "threads still alive after the variant was left"),
        Metric("processes_left", "1", Direction.LOWER, Kind.EXACT, "processes still alive after the variant was left"),
        Metric("max_relative_error", "1", Direction.LOWER, Kind.NOISY, "largest error, relative to the largest value"),
        Metric("mean_relative_error", "1", Direction.LOWER, Kind.NOISY, "mean error, relative to the mean size"),
    )
}
"""Every metric a record may carry; a benchmark's own readings may have other names and are kept without a direction."""


def metric(name: str) -> Metric:
    """The metric of that name; an unknown name is a reading of the benchmark's own, noisy and without direction."""
    return METRICS.get(name) or Metric(name, "", Direction.NONE, Kind.NOISY, name)


@dataclass(frozen=True, slots=True)
class Claim:
    """The sentence a benchmark tests, and how it is to be judged.

    ``margin`` is the relative effect that counts as none. ``needs`` names what the machine must have: ``"cuda"`` or
    an importable module. ``apart`` gives each variant a live process of its own. ``loader`` marks epochs of a
    data loader: dear to measure, surveyed alone first. ``time_limit`` is for one case in one invocation, in seconds.
    """

    name: str
    sentence: str
    path: str
    function: str
    metric: str = "seconds"
    expect: Expect = Expect.LOWER
    margin: float = 0.02
    needs: tuple[str, ...] = ()
    apart: bool = False
    loader: bool = False
    time_limit: float = 60.0


@dataclass(frozen=True, slots=True)
class Work:
    """What one iteration does, for rates: items (samples), bytes moved, floating-point operations; 0 = not stated."""

    items: float = 0.0
    bytes: float = 0.0
    flops: float = 0.0


class Status(StrEnum):
    """What became of a planned measurement, or of one variant in it."""

    MEASURED = "measured"
    SKIPPED = "skipped"
    WRONG = "wrong"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant in one measurement.

    ``samples`` maps a metric's name to one value a block, in block order; ``exact`` and ``solo`` hold single readings
    (``solo``: from a pass with this variant alone in a fresh process); ``sources`` says where a reading comes from.
    ``first_seconds`` is the very first call, ``warmup_seconds`` everything before the first timed round.
    """

    variant: str
    status: Status = Status.MEASURED
    reason: str = ""
    expect: Expect = Expect.LOWER
    iterations: int = 0
    first_seconds: float = 0.0
    warmup_seconds: float = 0.0
    samples: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    exact: Mapping[str, float] = field(default_factory=dict)
    solo: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The samples of every metric for one case, all variants, one invocation.

    ``case`` is ``<path under benchmarks>::<function>[<parameters>]``; ``seconds`` is the wall time spent on it,
    set-up included. A survey (solo passes only) has trials without samples and ``survey`` set.
    """

    case: str
    claim: str
    invocation: int
    status: Status = Status.MEASURED
    reason: str = ""
    trials: tuple[Trial, ...] = ()
    work: Work = Work()
    seconds: float = 0.0
    survey: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What tells this case from its claim's others: its parameters, or nothing."""
        return parameters(self.case)

    def trial(self, variant: str) -> Trial | None:
        """The named variant's trial, or None."""
        return next((trial for trial in self.trials if trial.variant == variant), None)


def parameters(case: str) -> str:
    """The pytest parameters in a case's name: ``a.py::b[x-1]`` -> ``x-1``; nothing where it has none."""
    _, bracket, rest = case.partition("[")
    return rest.removesuffix("]") if bracket else ""


class Outcome(StrEnum):
    """The word of a verdict."""

    HOLDS = "holds"
    FAILS = "fails"
    NO_EFFECT = "no effect"
    INCONCLUSIVE = "inconclusive"
    WRONG = "wrong"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    LOST = "lost"


class Arm(StrEnum):
    """The two sides of a gate."""

    BASE = "base"
    HEAD = "head"


class Gated(StrEnum):
    """The word of a gate's decision on one variant of one case."""

    REGRESSED = "regressed"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    MISSING = "missing"
    NEW = "new"
    WRONG = "wrong"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate decided about one variant of one case and one metric.

    ``ratio`` is head/base with its 95 % interval, None where nothing was measured; ``base`` and ``head`` are the
    readings of an exact metric or the typical time of an iteration in seconds. ``variant`` is empty where the whole
    case shares one fate. ``seconds`` is the wall time spent on it. ``spread`` is the deviation of one unit and
    ``resolvable`` the smallest slow-down that could be told from none, both as shares; None for too few units.
    """

    case: str
    claim: str
    variant: str
    metric: str
    outcome: Gated
    reason: str = ""
    units: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    base: float | None = None
    head: float | None = None
    unsteady: bool = False
    seconds: float = 0.0
    spread: float | None = None
    resolvable: float | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A package under test as an arm imported it: its file, and a digest of all its files."""

    name: str
    file: str
    digest: str


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """What one side of a gate was: what people call it, its interpreter, its variables, what it imported, and where.

    ``environment`` is its fingerprint.
    """

    arm: Arm
    label: str
    python: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    environment: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate from end to end: both arms, every verdict, and the exit status that follows.

    ``decisions`` counts the noisy metrics that were judged, over which ``alpha`` was split; ``target`` and
    ``loader_target`` are the slow-downs to be caught, as shares. ``selftest`` marks identical code on both sides.
    """

    base: ArmFacts
    head: ArmFacts
    verdicts: tuple[GateVerdict, ...]
    status: int
    decisions: int
    target: float
    loader_target: float
    alpha: float
    units: int
    seconds: float
    started: str = ""
    notes: tuple[str, ...] = ()
    selftest: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant's samples beside the baseline's: the ratio variant/baseline, its interval, the evidence.

    ``low`` and ``high`` are None while there are too few units for an interval. ``mean_ratio`` compares total times;
    ``unsteady`` says that it departs from the typical ratio by more than identical code does, and that the judgement
    went by total time.
    """

    metric: str
    units: int
    ratio: float
    low: float | None = None
    high: float | None = None
    mean_ratio: float | None = None
    unsteady: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows for one variant of one case. ``more_units`` estimates the further units that would decide it."""

    case: str
    claim: str
    variant: str
    outcome: Outcome
    reason: str = ""
    comparison: Comparison | None = None
    more_units: int = 0
    more_seconds: float = 0.0

    @property
    def decided(self) -> bool:
        """Whether more evidence would change nothing."""
        return self.outcome is not Outcome.INCONCLUSIVE
