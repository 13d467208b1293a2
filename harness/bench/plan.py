"""What a schedule knows of each case, and the steps that it may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median_low

from harness.judge.evidence import CaseEvidence
from harness.model import BASELINE, METRICS, Activity, Claim, Measurement, MetricKind, Status, Verdict

LATEST = 3
"""Units by which the price of the next one goes."""


@dataclass(slots=True)
class CaseProgress:
    """One case: what is known of it so far."""

    case: str
    claim: Claim
    variants: tuple[str, ...]
    measurements: list[Measurement] = field(default_factory=list)
    solos: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    verdicts: tuple[Verdict, ...] = ()
    evidence: CaseEvidence | None = None

    @property
    def units(self) -> int:
        """Invocations that measured it."""
        return sum(1 for m in self.measurements if not m.survey and m.status is Status.MEASURED)

    @property
    def variant_seconds(self) -> float | None:
        """What one variant of a unit takes: the median of the latest, for one may stall; None before the
        first.

        Passes that weigh do not count.
        """
        spent = [
            measurement.seconds
            / max(1, sum(1 for trial in measurement.trials if trial.status is not Status.SKIPPED))
            for measurement in self.measurements
            if not measurement.survey and measurement.status is Status.MEASURED
        ]
        return median_low(spent[-LATEST:]) if spent else None

    @property
    def stopped(self) -> bool:
        """Whether the whole case failed, timed out or was skipped: more of the same would show nothing."""
        return any(m.status is not Status.MEASURED for m in self.measurements if not m.survey)

    @property
    def computes(self) -> bool:
        """Whether it is arithmetic, by the work that its measurements state."""
        return any(m.work.flops > 0 for m in self.measurements)

    @property
    def weighs(self) -> bool:
        """Whether its verdict is about bytes: its memory is then part of its first unit."""
        return METRICS[self.claim.metric].unit == "B"

    @property
    def exact(self) -> bool:
        """Whether one reading decides it."""
        return METRICS[self.claim.metric].kind is MetricKind.EXACT

    def measured(self) -> tuple[str, ...]:
        """The variants that were measured in some invocation."""
        there = {t.variant for m in self.measurements for t in m.trials if t.status is Status.MEASURED}
        return tuple(name for name in self.variants if name in there)

    def undecided(self) -> tuple[str, ...]:
        """The variants that more evidence may decide."""
        return tuple(
            v.variant for v in self.verdicts if not v.decided and (v.more_units > 0 or not self.units)
        )

    def within_reach(self, most: int) -> dict[str, int]:
        """Of the undecided variants those that ``most`` units are likely to decide: how many more that
        takes."""
        return {
            verdict.variant: verdict.more_units
            for verdict in self.verdicts
            if verdict.variant in self.undecided()
            and (verdict.comparison.units if verdict.comparison else 0) + verdict.more_units <= most
        }


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation: which cases, and of each which variants (None: all)."""

    cases: tuple[tuple[str, tuple[str, ...] | None], ...]


@dataclass(frozen=True, slots=True)
class IsolatedPass:
    """A solo pass of one variant."""

    case: str
    variant: str


@dataclass(frozen=True, slots=True)
class CountingPass:
    """A pass that takes one reading of variants, by case."""

    reading: str
    cases: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def variants(self) -> int:
        """How many variants it is about."""
        return sum(len(names) for _, names in self.cases)


@dataclass(frozen=True, slots=True)
class TracedPass:
    """A traced pass of one variant."""

    case: str
    variant: str


Step = Invocation | TracedPass | IsolatedPass | CountingPass


def activity_of(step: Step) -> Activity:
    """What a process does with the cases of a step."""
    match step:
        case Invocation():
            return Activity.ROUNDS
        case TracedPass():
            return Activity.TRACING
        case IsolatedPass() | CountingPass():
            return Activity.WEIGHING


def rivals(variants: Sequence[str]) -> int:
    """How many of these variants are compared with the baseline."""
    return sum(1 for name in variants if name != BASELINE)
