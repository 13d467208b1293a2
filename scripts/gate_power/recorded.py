"""Our gate and the rules of others on the recorded samples: false alarms, power, seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gate_power.counts import Count, stream
from gate_power.ours import SUITE, Pool, Tally, injected, paired, suites, tally
from gate_power.rivals import Rival, Side
from gate_power.samples import Workload
from harness.judge.regression import GateThresholds
from harness.model import GateOutcome

SLOWDOWNS = (0.02, 0.03, 0.05, 0.10)
"""The slow-downs that the proof is about."""


@dataclass(frozen=True, slots=True)
class Suites:
    """Suites of identical code: whether each raised an alarm, and whether it exited with 0."""

    alarmed: Count
    green: Count


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule decides on each workload: how often identical code is an alarm, and a slow-down found.

    ``found`` and ``seconds``, those of the samples of one decision, are about compute workloads.
    """

    name: str
    alarms: Mapping[str, Count]
    suites: Suites
    found: Mapping[float, Count]
    seconds: float

    @property
    def alarm(self) -> Count:
        """All workloads together."""
        return together(self.alarms.values())


@dataclass(frozen=True, slots=True)
class Condition:
    """What our gate is to do: the target, the slow-down, and whether it was really executed or multiplied
    in."""

    target: float
    slowdown: float
    real: bool
    loader: bool = False

    def __str__(self) -> str:
        if not self.slowdown:
            return "identical code"
        return f"{self.slowdown:+.0%}, {'really executed' if self.real else 'scaled'}"


def together(counts: Iterable[Count]) -> Count:
    """The sum of counts."""
    total = Count(0, 0)
    for count in counts:
        total += count
    return total


# --- our gate -----------------------------------------------------------------------------------------------


def conditions(workload: Workload, thresholds: GateThresholds) -> tuple[Condition, ...]:
    """What is examined of a workload."""
    if workload.loader:
        target = thresholds.loader_target
        return (Condition(target, 0.0, True, True), Condition(target, target, False, True))
    five = (Condition(0.05, 0.0, True), *(Condition(0.05, s, s in (0.02, 0.05)) for s in SLOWDOWNS))
    return (*five, Condition(0.03, 0.0, True), Condition(0.03, 0.03, False), Condition(0.02, 0.0, True),
            Condition(0.02, 0.02, True))  # fmt: skip


def pool_for(workload: Workload, condition: Condition, pairs: int) -> Pool | None:
    """The units that a condition is about; None where they were not recorded."""
    if condition.slowdown and condition.real:
        return injected(workload, condition.slowdown, pairs)
    return paired(workload, pairs).slower(condition.slowdown)


def ours(
    workloads: Sequence[Workload], trials: int, pairs: int, seed: int
) -> dict[Condition, dict[str, Tally]]:
    """Decisions of our gate under every condition, by workload."""
    found: dict[Condition, dict[str, Tally]] = {}
    for workload in workloads:
        for condition in conditions(workload, GateThresholds()):
            pool = pool_for(workload, condition, pairs)
            if pool is None:
                continue
            thresholds = GateThresholds() if condition.loader else GateThresholds(target=condition.target)
            random = stream(seed, workload.name, repr(condition))
            found.setdefault(condition, {})[workload.name] = tally(pool, thresholds, trials, random)
    return found


def our_suites(workloads: Sequence[Workload], number: int, pairs: int, seed: int) -> tuple[Suites, Tally]:
    """Suites of identical code under our gate, and all their decisions."""
    pools = [paired(workload, pairs) for workload in workloads]
    drawn_suites = list(suites(pools, GateThresholds(), number, stream(seed, "suites")))
    alarmed = Count.where(status == 1 for status, _ in drawn_suites)
    green = Count.where(status == 0 for status, _ in drawn_suites)
    return Suites(alarmed, green), Tally(tuple(drawn for _, one in drawn_suites for drawn in one.drawn))


# --- the rules of others ------------------------------------------------------------------------------------


def theirs(rival: Rival, workloads: Sequence[Workload], number: int, seed: int) -> Judged:
    """A rule on samples collected as its tool collects them: every run of consecutive processes that is long
    enough.

    Head's processes come right after base's, which is kinder than a whole suite in between. Slow-downs are
    scaled.
    """
    seconds = []
    alarms, found = {}, {slowdown: Count(0, 0) for slowdown in SLOWDOWNS}
    verdicts: list[list[bool]] = []
    for workload in workloads:
        pairs = [rival.sides(window) for window in windows(workload.alone, 2 * rival.processes)]
        seconds += (
            [] if workload.loader else [rival.rounds * sum(map(sum, (*base, *head))) for base, head in pairs]
        )
        verdicts.append(rival.decisions(pairs))
        alarms[workload.name] = Count.where(verdicts[-1])
        for slowdown in SLOWDOWNS if not workload.loader else ():
            scaled = [(base, slower(head, slowdown)) for base, head in pairs]
            found[slowdown] += Count.where(rival.decisions(scaled))
    return Judged(
        rival.name, alarms, drawn_suites(verdicts, number, stream(seed, rival.name)), found, _mean(seconds)
    )


def theirs_paired(rival: Rival, workloads: Sequence[Workload], number: int, seed: int) -> Judged:
    """A rule on the very samples of our gate: base and head from processes in which they took turns round by
    round.

    The slow-downs are those that were really executed.
    """
    seconds = []
    alarms, found = {}, {0.02: Count(0, 0), 0.05: Count(0, 0)}
    verdicts: list[list[bool]] = []
    for workload in workloads:
        pairs = _paired(rival, [(duet.base, duet.head) for duet in workload.duets])
        seconds += (
            [] if workload.loader else [rival.rounds * sum(map(sum, (*base, *head))) for base, head in pairs]
        )
        verdicts.append(rival.decisions(pairs))
        alarms[workload.name] = Count.where(verdicts[-1])
        for slowdown in found:
            rows = [(d.base, d.injected) for d in workload.duets if d.injected and d.slowdown == slowdown]
            if rows:
                found[slowdown] += Count.where(rival.decisions(_paired(rival, rows)))
    return Judged(
        rival.name, alarms, drawn_suites(verdicts, number, stream(seed, rival.name)), found, _mean(seconds)
    )


def drawn_suites(verdicts: Sequence[Sequence[bool]], number: int, random: np.random.Generator) -> Suites:
    """Suites of 40 out of decisions by workload: a workload is drawn, then one of its decisions."""
    rates = np.array([np.mean(row) for row in verdicts])
    # Drawing one of a row's decisions is an alarm as often as alarms are in the row.
    alarms = random.random((number, SUITE)) < rates[random.integers(0, len(rates), (number, SUITE))]
    alarmed = Count(int(alarms.any(axis=1).sum()), number)
    return Suites(alarmed, Count(number - alarmed.hits, number))


def windows(processes: Sequence[Sequence[float]], width: int) -> list[Sequence[Sequence[float]]]:
    """All runs of so many consecutive processes."""
    return [processes[start : start + width] for start in range(len(processes) - width + 1)]


def slower(side: Side, slowdown: float) -> Side:
    """Every sample multiplied."""
    return [[sample * (1 + slowdown) for sample in process] for process in side]


def _paired(rival: Rival, rows: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[tuple[Side, Side]]:
    width = min(rival.processes, len(rows))
    return [
        ([rival.collected(base) for base, _ in window], [rival.collected(head) for _, head in window])
        for window in (rows[start : start + width] for start in range(len(rows) - width + 1))
    ]


def _mean(seconds: Sequence[float]) -> float:
    return float(np.mean(seconds))


def alarms_of(by_workload: Mapping[str, Tally]) -> dict[str, Count]:
    """How often identical code is called regressed, by workload."""
    return {name: one.count(GateOutcome.REGRESSED) for name, one in by_workload.items()}
