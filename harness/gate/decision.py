"""What a gate decides on: each variant of each case, from its first pair of samples to its verdicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace

from harness.gate.limits import wider_by
from harness.judge.evidence import evidence
from harness.judge.gate_verdicts import EXACT, exact_verdicts
from harness.judge.outlook import clear, evenly_far, noise, outlook
from harness.judge.regression import GateThresholds, Ruling, levels, rule, rule_exact, rule_for
from harness.judge.throttling import remarks, throttled_blocks
from harness.judge.units import SECONDS, Unit
from harness.measure.correctness import WrongResult
from harness.measure.paired import PairedRounds, SideFailed
from harness.model import (
    BASELINE,
    Claim,
    GateOutcome,
    GateOutlook,
    GateReason,
    GateVerdict,
    Measurement,
    NotCompared,
    Side,
    SideStopped,
    Trial,
    Uncompared,
)

HEAD = str(Side.HEAD)

LAUNCHES = "launches"
"""The exact metric that is counted in processes of its own."""


@dataclass(slots=True)
class Decision:
    """One variant of one case on its way to a decision; once it is ``clear``, coarser units suffice.

    ``even``: its few units lie evenly far from what is tolerated; ``outlook``: why it is not likely to be
    decided; ``growth`` has what grew by metric that regressed, where profiles were taken.
    """

    case: str
    claim: Claim
    variant: str
    iterations: int = 0
    measurements: list[Measurement] = field(default_factory=list)
    ruling: Ruling | None = None
    clear: bool = False
    even: bool = False
    outlook: GateOutlook | None = None
    outcome: GateOutcome | None = None
    reason: GateReason | None = None
    seconds: float = 0.0
    exact: dict[str, tuple[float, float]] = field(default_factory=dict)
    growth: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether more units may decide it."""
        return self.outcome is None

    def settle(self, outcome: GateOutcome, reason: GateReason) -> None:
        """Decide it, for a reason that no number will change."""
        self.outcome, self.reason = outcome, reason

    def end(self, ended: SideFailed) -> None:
        """A side failed, hung or gave another result than its own baseline."""
        match ended.error:
            case WrongResult():
                outcome = GateOutcome.WRONG
            case TimeoutError():
                outcome = GateOutcome.TIMED_OUT
            case _:
                outcome = GateOutcome.FAILED
        self.settle(outcome, SideStopped(ended.side, str(ended.error)))

    def take(self, unit: int, rounds: PairedRounds, seconds: float) -> Measurement:
        """Keep a unit's pair of samples; in the measurement, base is the baseline and head its only
        variant."""
        trials = tuple(
            _trial(name, side, rounds) for side, name in ((Side.BASE, BASELINE), (Side.HEAD, HEAD))
        )
        measurement = Measurement(
            self.case, self.claim.name, unit, trials=trials, seconds=seconds, blocks=rounds.blocks
        )
        self.restore([measurement])
        return measurement

    def restore(self, measurements: Sequence[Measurement]) -> None:
        """Take up what was measured, now or by an earlier part of the gate."""
        for measurement in measurements:
            base, head = measurement.trial(BASELINE), measurement.trial(HEAD)
            if base is None or head is None:
                continue
            self.measurements.append(measurement)
            self.iterations = head.iterations
            self.seconds += measurement.seconds
            for name in EXACT:
                if name in base.exact and name in head.exact:
                    self.exact[name] = (base.exact[name], head.exact[name])

    def _units(self, thresholds: GateThresholds) -> Sequence[Unit]:
        return evidence(self.measurements, HEAD, SECONDS, thresholds.keep).units

    @property
    def least_seconds(self) -> float:
        """Seconds that another unit of it takes at least, going by its last: with one block alone; 0 before
        any."""
        if not self.measurements:
            return 0.0
        last = self.measurements[-1]
        blocks = [end - start for start, end in last.blocks]
        return last.seconds - sum(blocks) + max(blocks, default=0.0)

    def wider(self, thresholds: GateThresholds, decisions: int) -> float:
        """How many times the pairs of its first unit the next one is to have, by how much they vary."""
        by = rule_for(thresholds.of(self.claim), decisions, loader=self.claim.loader)
        if self.claim.loader or len(self.measurements) < by.failing_looks[0]:
            return 1.0
        return wider_by(self._units(thresholds), len(self.measurements[0].blocks), by)

    def mark(self, unit: int, marked: Callable[[Measurement], Measurement]) -> None:
        """Note which of the unit's blocks were throttled, once the GPU's clocks were read."""
        self.measurements = [marked(each) if each.invocation == unit else each for each in self.measurements]

    def judge(self, thresholds: GateThresholds, decisions: int, regressed: int = 0) -> None:
        """Judge the units so far, where others have ``regressed`` already; an outcome settles it."""
        thresholds = thresholds.of(self.claim)
        units = self._units(thresholds)
        if not units:
            return
        by = rule_for(thresholds, decisions, loader=self.claim.loader, regressed=regressed)
        self.ruling = rule(units, by)
        self.clear = clear(units, by) and not self.ruling.comparison.unsteady
        self.even = evenly_far(units, by)
        undecided = self.ruling.outcome in (None, GateOutcome.INCONCLUSIVE)
        self.outlook = outlook(units, by, thresholds, loader=self.claim.loader) if undecided else None
        if self.ruling.outcome is not None:
            self.settle(self.ruling.outcome, self.ruling.reason)

    def units_ahead(self, thresholds: GateThresholds, decisions: int) -> int:
        """Units until the next look at which it may be decided."""
        by, there = (
            rule_for(thresholds.of(self.claim), decisions, loader=self.claim.loader),
            len(self.measurements),
        )
        looks = (*by.failing_looks, *by.passing_looks)
        return min((look - there for look in looks if look > there), default=0)

    def slower(self, thresholds: GateThresholds) -> bool:
        """Whether its time regressed, or the number of its launches."""
        return self.outcome is GateOutcome.REGRESSED or self._grew(LAUNCHES, thresholds)

    def larger(self, thresholds: GateThresholds) -> bool:
        """Whether the most memory that it needs at once regressed."""
        return self._grew("peak_bytes", thresholds)

    def suspect(self, thresholds: GateThresholds) -> bool:
        """Whether it is open and its estimate so far is beyond the target."""
        limits = thresholds.of(self.claim)
        target = limits.loader_target if self.claim.loader else limits.target
        return self.open and self.ruling is not None and self.ruling.comparison.ratio > 1 + target

    def _grew(self, name: str, thresholds: GateThresholds) -> bool:
        read = self.exact.get(name)
        return read is not None and rule_exact(name, *read, thresholds)[0] is GateOutcome.REGRESSED

    def seconds_more(self, thresholds: GateThresholds) -> float:
        """Seconds that the head's iteration takes more, by the same estimate as the decision; 0 if there is
        none."""
        if self.ruling is None:
            return 0.0
        base, head = levels(self._units(thresholds), self.ruling)
        return 0.0 if base is None or head is None else head - base

    def verdicts(
        self, thresholds: GateThresholds, decisions: int, accepted: Container[str] = ()
    ) -> list[GateVerdict]:
        """The decision on its time, and one for each exact metric that was read; more of those ``accepted``
        is so."""
        own = (self.case, self.claim.name, self.variant)
        found = [
            self._on_time(thresholds, decisions),
            *exact_verdicts(*own, self.exact, thresholds, accepted),
        ]
        return [
            replace(verdict, growth=self.growth.get(verdict.metric, ""))
            if verdict.outcome is GateOutcome.REGRESSED
            else verdict
            for verdict in found
        ]

    def _on_time(self, thresholds: GateThresholds, decisions: int) -> GateVerdict:
        ruling, thresholds = self.ruling, thresholds.of(self.claim)
        unreached = Uncompared(NotCompared.NOT_REACHED)
        units = self._units(thresholds)
        by = rule_for(thresholds, decisions, loader=self.claim.loader)
        spread, resolvable = noise(units, by, thresholds.tolerated) or (None, None)
        base, head = levels(units, ruling) if ruling else (None, None)
        return GateVerdict(
            self.case,
            self.claim.name,
            self.variant,
            SECONDS,
            self.outcome or GateOutcome.INCONCLUSIVE,
            self.reason or (ruling.reason if ruling else unreached),
            ruling.comparison if ruling else None,
            base,
            head,
            seconds=self.seconds,
            spread=spread,
            resolvable=resolvable,
            outlook=self.outlook,
            remarks=(*remarks(map(throttled_blocks, self.measurements)), *own_target(self.claim)),
        )


def own_target(claim: Claim) -> tuple[str, ...]:
    """A remark on a target that is not the suite's."""
    return () if claim.target is None else (f"its target is {100 * claim.target:.3g} %",)


def judge(decisions: Collection[Decision], thresholds: GateThresholds) -> None:
    """Judge those that are open, and again whenever one that regressed leaves the others its share of
    alpha."""
    before, regressed = -1, count_regressed(decisions)
    while before != regressed:
        for decision in decisions:
            if decision.open:
                decision.judge(thresholds, len(decisions), regressed)
        before, regressed = regressed, count_regressed(decisions)


def least_of(decisions: Iterable[Decision]) -> float:
    """Seconds that another unit takes of the one that takes least, of those that were measured; 0 without
    any."""
    return min((decision.least_seconds for decision in decisions if decision.measurements), default=0.0)


def count_regressed(decisions: Iterable[Decision]) -> int:
    """How many of them regressed in time."""
    return sum(decision.outcome is GateOutcome.REGRESSED for decision in decisions)


def _trial(name: str, side: Side, rounds: PairedRounds) -> Trial:
    turns, readings = rounds.turns[side], rounds.readings[side]
    samples: dict[str, tuple[float, ...]] = {SECONDS: tuple(turn.each(rounds.iterations) for turn in turns)}
    if all(turn.host_seconds is not None for turn in turns):
        samples["host_seconds"] = tuple(turn.host_each(rounds.iterations) for turn in turns)
    return Trial(
        name,
        iterations=rounds.iterations,
        first_seconds=rounds.first_seconds[side],
        samples=samples,
        exact={metric: value for metric, (value, _) in readings.items()},
        sources={metric: source for metric, (_, source) in readings.items()},
    )
