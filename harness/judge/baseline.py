"""A stored run as the base of a gate: what was measured then beside what is here now, each case with its
decision.

What keeps two runs from being compared (another device, other data, other inputs) is what `compare` goes by;
what is missing, failed, new or not reached is judged as by a gate between revisions.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from harness.judge.comparable import why_not_comparable
from harness.judge.evidence import troubles
from harness.judge.gate_verdicts import EXACT, exact_verdicts, settled
from harness.judge.group import Axis, RunGroup, VariantRuns, columns
from harness.judge.regression import GateThresholds, rule_for
from harness.judge.runs import levels, reading
from harness.judge.sequential import rule_unpaired
from harness.judge.units import SECONDS
from harness.model import (
    Claim,
    GateOutcome,
    GateVerdict,
    Measurement,
    NotCompared,
    Side,
    SideStopped,
    Status,
    Uncompared,
    benchmark_of,
)
from harness.store import Run

_TROUBLES = {Status.WRONG: GateOutcome.WRONG, Status.TIMED_OUT: GateOutcome.TIMED_OUT}


@dataclass(frozen=True, slots=True)
class CurrentCases:
    """What is here now: the variants of every case, those that cannot run, and why cases have nothing to
    measure."""

    run: Run
    variants: Mapping[str, Sequence[str]]
    unavailable: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


class BaselineGate:
    """The decisions on this code against a stored run.

    ``claims`` are those chosen here, by ``path::function``, and ``expected`` the functions of the stored run
    that the same words choose.
    """

    def __init__(
        self,
        stored: Run,
        now: CurrentCases,
        claims: Mapping[str, Claim],
        expected: frozenset[str],
        limits: GateThresholds,
        accepted: Container[str] = (),
    ) -> None:
        self._before, self._after = columns((("the stored run", stored), ("this code", now.run)), Axis.RUN)
        self._now = now
        self._claims = claims
        self._functions = {*claims, *expected}
        self._limits = limits
        self._accepted = accepted

    def verdicts(self) -> list[GateVerdict]:
        """Every decision, case by case."""
        pairs = [(case, variant) for case in sorted(self._cases()) for variant in self._variants(case)]
        found: list[GateVerdict] = []
        compared: list[tuple[str, str]] = []
        for case, variant in pairs:
            reason = self._not_compared(case, variant)
            stopped = self._stopped(case, variant) if reason is None else None
            if reason is not None:
                found.append(settled(case, self._claim(case).name, variant, reason))
            elif stopped is not None:
                found.append(GateVerdict(case, self._claim(case).name, variant, SECONDS, *stopped))
            else:
                compared.append((case, variant))
        for key in compared:
            found += self._judged(*key, len(compared))
        return sorted(found, key=lambda verdict: (verdict.case, verdict.variant))

    def _cases(self) -> set[str]:
        known = {*self._before.cases, *self._now.variants, *self._now.skipped, *self._now.failed}
        return {case for case in known if benchmark_of(case) in self._functions}

    def _variants(self, case: str) -> list[str]:
        """The variants of a case on either side; one without a name where neither has any."""
        before = [variant for of, variant in self._before.cells if of == case]
        return list(dict.fromkeys([*self._now.variants.get(case, ()), *before])) or [""]

    def _not_compared(self, case: str, variant: str) -> Uncompared | None:
        """Why a variant cannot be compared; None where it can, or where it was not timed."""
        one = _cell(self._before, case, variant)
        had = bool(one.trials())
        if (gone := self._gone(case, variant, had=had)) is not None:
            return gone
        if case not in self._before.cases:
            return _uncompared(NotCompared.NEW_CASE)
        if not one.measurements and any(of == case for of, _ in self._before.cells):
            return _uncompared(NotCompared.NEW_VARIANT)
        if not had:
            return _uncompared(NotCompared.BASE_CANNOT_RUN, _trouble(one) or "never reached")
        other = _cell(self._after, case, variant)
        if not other.trials():
            return None if troubles(other.measurements, variant) else _uncompared(NotCompared.NOT_REACHED)
        labels = (self._before.label, self._after.label)
        hindered = why_not_comparable(one, other, labels, loader=self._claim(case).loader)
        return _uncompared(NotCompared.OTHER_TASK, hindered) if hindered else None

    def _gone(self, case: str, variant: str, *, had: bool) -> Uncompared | None:
        """Why this code has nothing to measure of a variant; None where it has."""
        if why := _of(self._now.failed, case):
            return _uncompared(NotCompared.HEAD_FAILED, why)
        if case not in self._now.variants:
            if why := _of(self._now.skipped, case):
                return _uncompared(NotCompared.HEAD_SKIPS if had else NotCompared.SKIPPED, why)
            return _uncompared(NotCompared.GONE)
        if why := self._now.unavailable.get(case, {}).get(variant, ""):
            return _uncompared(NotCompared.HEAD_CANNOT_RUN if had else NotCompared.SKIPPED, why)
        return _uncompared(NotCompared.GONE) if variant and variant not in self._now.variants[case] else None

    def _stopped(self, case: str, variant: str) -> tuple[GateOutcome, SideStopped] | None:
        """How measuring a variant failed now; None where it was measured."""
        cell = _cell(self._after, case, variant)
        found = () if cell.trials() else troubles(cell.measurements, variant)
        if not found:
            return None
        outcome = _TROUBLES.get(found[-1].status, GateOutcome.FAILED)
        return outcome, SideStopped(Side.HEAD, found[-1].reason, stored=True)

    def _judged(self, case: str, variant: str, decisions: int) -> Iterator[GateVerdict]:
        claim = self._claim(case)
        cells = _cell(self._before, case, variant), _cell(self._after, case, variant)
        base, head = (levels(cell, SECONDS) for cell in cells)
        ruling = rule_unpaired(base, head, rule_for(self._limits.of(claim), decisions, loader=claim.loader))
        typical = math.exp(median(base)) if base else None
        yield GateVerdict(
            case,
            claim.name,
            variant,
            SECONDS,
            ruling.outcome or GateOutcome.INCONCLUSIVE,
            ruling.reason,
            ruling.comparison,
            base=typical,
            head=typical * ruling.comparison.ratio if typical is not None else None,
            seconds=sum(measurement.seconds for measurement in cells[1].measurements),
        )
        pairs = {name: tuple(reading(cell, name) for cell in cells) for name in EXACT}
        both = {
            name: (before, after)
            for name, (before, after) in pairs.items()
            if before is not None and after is not None
        }
        yield from exact_verdicts(case, claim.name, variant, both, self._limits, self._accepted)

    def _claim(self, case: str) -> Claim:
        function = benchmark_of(case)
        path, _, name = function.partition("::")
        return self._claims.get(function) or self._before.claims.get(function) or Claim("", "", path, name)


def _uncompared(why: NotCompared, detail: str = "") -> Uncompared:
    return Uncompared(why, detail, stored=True)


def _cell(column: RunGroup, case: str, variant: str) -> VariantRuns:
    """The cell of a variant; a case that came to no variant has one that holds what is known of it."""
    whole: tuple[Measurement, ...] = tuple(
        m for run in column.runs for m in run.measurements if m.case == case
    )
    found = column.cells.get((case, variant))
    if found is not None:
        return found
    return VariantRuns(case, variant, column.runs, tuple(m for m in whole if not m.trials))


def _of(reasons: Mapping[str, str], case: str) -> str:
    """The reason of a case, or of its whole function."""
    return reasons.get(case) or reasons.get(benchmark_of(case), "")


def _trouble(cell: VariantRuns) -> str:
    found = troubles(cell.measurements, cell.variant)
    return f"{found[-1].status}, {found[-1].reason}" if found else ""
