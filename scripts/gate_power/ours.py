"""Our gate on recorded processes: each is a unit, and units are drawn with replacement.

Units are computed once per process. There are 36 of them a workload (18 with work injected): drawing again
and again shows how the rule treats these, not what a 37th would have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gate_power.counts import Count
from gate_power.samples import Duet, Workload
from harness.gate.limits import wider_by
from harness.judge.evidence import evidence
from harness.judge.regression import GateThresholds, Rule, rule, rule_for, status_of
from harness.judge.units import Unit
from harness.model import BASELINE, GateOutcome, GateVerdict, Measurement, Trial

SUITE = 40
"""Decisions in a suite."""


@dataclass(frozen=True, slots=True)
class Wider:
    """The units of a pool with more pairs: how many, what they show, and the seconds of their rounds."""

    pairs: int
    units: tuple[Unit, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """The units of one workload, and the seconds that the rounds of each took, both sides together.

    ``wider`` has the same processes with more than ``pairs`` pairs, which the gate measures where rounds vary
    much.
    """

    workload: str
    loader: bool
    units: tuple[Unit, ...]
    seconds: tuple[float, ...]
    pairs: int = 1
    wider: tuple[Wider, ...] = ()

    def slower(self, slowdown: float) -> Pool:
        """The same with all of head's samples multiplied; which pairs are the quiet ones stays as it is."""
        shift = float(np.log1p(slowdown))

        def shifted(units: tuple[Unit, ...]) -> tuple[Unit, ...]:
            return tuple(replace(u, quiet=u.quiet + shift, total=u.total + shift) for u in units)

        return replace(
            self,
            units=shifted(self.units),
            wider=tuple(replace(more, units=shifted(more.units)) for more in self.wider),
        )

    def unit(self, process: int, wider: float) -> tuple[Unit, float]:
        """A process's unit with at most so many times the pairs, and its seconds."""
        units, seconds = self.units, self.seconds
        for more in self.wider:
            if more.pairs <= round(self.pairs * wider):
                units, seconds = more.units, more.seconds
        return units[process], seconds[process]

    def rule(self, thresholds: GateThresholds) -> Rule:
        """The gate's rule for this workload in a suite."""
        return rule_for(thresholds, SUITE, loader=self.loader)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the gate decided, after how many units, and how long their rounds took."""

    outcome: GateOutcome
    units: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Decisions of one kind together."""

    drawn: tuple[Drawn, ...]

    def count(self, outcome: GateOutcome) -> Count:
        """How many came out so."""
        return Count.where(passed(one.outcome) is outcome for one in self.drawn)

    @property
    def units(self) -> float:
        """Units a decision took, in the mean."""
        return float(np.mean([one.units for one in self.drawn]))

    @property
    def seconds(self) -> float:
        """Seconds of rounds that a decision took, in the mean; neither start-up nor lead-ins are in it."""
        return float(np.mean([one.seconds for one in self.drawn]))


def paired(workload: Workload, pairs: int = 0) -> Pool:
    """Base against head of the same code; only the first ``pairs`` of a process where that is stated, and
    more where the gate would."""
    return _pool(workload, workload.duets, "head", pairs)


def injected(workload: Workload, slowdown: float, pairs: int = 0) -> Pool | None:
    """Base against code that really did that share of work more; None where it was not recorded."""
    chosen = [duet for duet in workload.duets if duet.injected and duet.slowdown == slowdown]
    return _pool(workload, chosen, "injected", pairs) if chosen else None


def _pool(workload: Workload, duets: Sequence[Duet], side: str, pairs: int) -> Pool:
    most = min((len(duet.base) for duet in duets), default=0)
    # A loader's units are never wider (`effort_for`).
    counts = [round(pairs * times) for times in WIDER] if pairs and not workload.loader else []
    wider = tuple(Wider(count, *_units(workload, duets, side, count)) for count in counts if count <= most)
    return Pool(workload.name, workload.loader, *_units(workload, duets, side, pairs), pairs or most, wider)


WIDER = (1.5, 2.0, 2.5, 3.0)
"""How many times the pairs of a process are looked at, as far as they were recorded."""


def _units(
    workload: Workload, duets: Sequence[Duet], side: str, pairs: int
) -> tuple[tuple[Unit, ...], tuple[float, ...]]:
    rows = [(duet.base[: pairs or None], getattr(duet, side)[: pairs or None]) for duet in duets]
    measured = [
        Measurement(
            workload.name,
            "recorded",
            invocation,
            trials=(Trial(BASELINE, samples={"seconds": base}), Trial(side, samples={"seconds": head})),
        )
        for invocation, (base, head) in enumerate(rows)
    ]
    units = evidence(measured, side, "seconds").units
    # What is computed on demand is drawn hundreds of times here.
    known = tuple(replace(unit, pair_noise=partial(float, unit.pair_noise())) for unit in units)
    return known, tuple(sum(base) + sum(head) for base, head in rows)


def draw(pool: Pool, by: Rule, random: np.random.Generator) -> Drawn:
    """One decision: units are drawn with replacement until the rule decides."""
    units: list[Unit] = []
    seconds: list[float] = []
    for process in random.integers(0, len(pool.units), by.looks[-1]):
        wider = wider_by(units, pool.pairs, by) if pool.wider else 1.0
        unit, spent = pool.unit(process, wider)
        units.append(unit)
        seconds.append(spent)
    ruling = rule(units, by)
    assert ruling.outcome is not None  # the last look decides
    count = ruling.comparison.units
    return Drawn(ruling.outcome, count, sum(seconds[:count]))


def tally(pool: Pool, thresholds: GateThresholds, trials: int, random: np.random.Generator) -> Tally:
    """Many decisions about one workload."""
    by = pool.rule(thresholds)
    return Tally(tuple(draw(pool, by, random) for _ in range(trials)))


def suites(
    pools: Sequence[Pool], thresholds: GateThresholds, number: int, random: np.random.Generator
) -> Iterator[tuple[int, Tally]]:
    """Suites of 40 decisions, their workloads drawn with replacement, too: the exit status and the
    decisions."""
    rules = [pool.rule(thresholds) for pool in pools]
    for _ in range(number):
        chosen = random.integers(0, len(pools), SUITE)
        drawn = tuple(draw(pools[i], rules[i], random) for i in chosen)
        yield exit_status(drawn), Tally(drawn)


def passed(outcome: GateOutcome) -> GateOutcome:
    """The outcome, with what improved among what is unchanged: neither is slower, which is all that is
    counted."""
    return GateOutcome.UNCHANGED if outcome is GateOutcome.IMPROVED else outcome


def exit_status(drawn: Sequence[Drawn]) -> int:
    """What the command would exit with."""
    return status_of(
        GateVerdict(f"case {number}", "recorded", "head", "seconds", one.outcome)
        for number, one in enumerate(drawn)
    )
