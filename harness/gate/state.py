"""The state of a gate: every case of either side, from not yet reached to decided."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from harness.gate.base_revision import BaseRevision
from harness.gate.case_state import CaseState, InBase, case_not_compared, variant_not_compared
from harness.gate.decision import Decision, count_regressed, judge, least_of
from harness.gate.pair import SideLost, WorkerPair
from harness.judge.gate_verdicts import gone, settled
from harness.judge.regression import GateThresholds, rule_for
from harness.judge.units import SECONDS
from harness.model import (
    Claim,
    GateOutcome,
    GateVerdict,
    LooksAhead,
    Measurement,
    NotCompared,
    Side,
    SideStopped,
    Status,
    Uncompared,
    benchmark_of,
)
from harness.workers.collect import absent_case

SELFTEST_UNITS = 10
"""Units a selftest takes of every decision, whatever was decided before: a noise floor needs some."""

_STOPPED = (GateOutcome.WRONG, GateOutcome.FAILED, GateOutcome.TIMED_OUT)


class GateState:
    """What a gate judges, and what it cannot.

    ``before`` is what base's own revision has; None if base has no revision of its own, so that nothing can
    be new. ``accepted`` are exact metrics of which more is accepted.
    """

    def __init__(
        self,
        claims: Sequence[Claim],
        thresholds: GateThresholds,
        *,
        selftest: bool,
        accepted: Container[str] = (),
    ) -> None:
        self._by_function = {f"{claim.path}::{claim.function}": claim for claim in claims}
        self._thresholds = thresholds
        self._selftest = selftest
        self.before: BaseRevision | None = None
        self._accepted = accepted
        self._decisions: dict[tuple[str, str], Decision] = {}
        self._settled: list[GateVerdict] = []
        self._all: list[str] | None = None
        self._seen: set[str] = set()
        self._unreached = NotCompared.NOT_REACHED

    # --- what there is to decide ----------------------------------------------------------------------------

    def collect(self, pair: WorkerPair) -> None:
        """Note every case of the chosen benchmarks that either side has, from the first pair that is given.

        Benchmarks without a case are settled.
        """
        if self._all is not None:
            return
        cases = dict.fromkeys([*pair.collected[Side.HEAD].cases, *pair.collected[Side.BASE].cases])
        found = {benchmark_of(case) for case in cases}
        for function, claim in self._by_function.items():
            if function in found:
                continue
            status, reason = pair.collected[Side.HEAD].why_absent(function) or absent_case(claim)
            if status is not Status.SKIPPED:
                why = NotCompared.HEAD_FAILED
            elif self.before is not None and self.before.cases(function):
                why = NotCompared.HEAD_SKIPS
            else:  # as a whole on both sides, or it would have cases on one
                why = NotCompared.FILE_SKIPPED
            self._settled.append(settled(function, claim.name, "", Uncompared(why, reason)))
        if self.before is not None:
            self._settled += map(gone, self.before.removed(tuple(self._by_function.values())))
            for function in self._by_function.keys() & found:
                for case in set(self.before.cases(function)) - set(cases):
                    self._settle(case, Uncompared(NotCompared.GONE))
        self._all = [case for case in cases if benchmark_of(case) in self._by_function]

    def restore(self, known: Mapping[tuple[str, str], list[Measurement]]) -> None:
        """Take up what an earlier part of the gate has measured, and judge it.

        The cases are entered once more: what of them cannot be measured is not recorded.
        """
        for (case, variant), measurements in known.items():
            if benchmark_of(case) in self._by_function:
                decision = Decision(case, self.claim_of(case), variant)
                decision.restore(measurements)
                self._decisions[case, variant] = decision
        self.decide()

    def enter(self, case: str, states: Mapping[Side, CaseState], changed: str = "") -> list[str]:
        """Both sides are at a case: note what of it is to be decided, and settle what cannot be measured.

        ``changed`` is how head's result differs from base's, if it does. Gives the variants that nothing was
        known of.
        """
        if case in self._seen:
            return []
        base, head, before = states[Side.BASE], states[Side.HEAD], self.before
        if why := case_not_compared(
            base, head, before.of_case(case, base) if before is not None else InBase()
        ):
            self._settle(case, why)
            return []
        self._seen.add(case)
        claim = self.claim_of(case)
        if changed:
            wrong = SideStopped(Side.HEAD, changed)
            self._settled.append(GateVerdict(case, claim.name, "", SECONDS, GateOutcome.WRONG, wrong))
            return []
        ran = before.measures(case) if before is not None else ()
        new = []
        for variant in dict.fromkeys([*head.variants, *base.variants, *head.absent, *base.absent, *ran]):
            if variant in head.variants and variant in base.variants:
                if (case, variant) not in self._decisions:
                    self._decisions[case, variant] = Decision(case, claim, variant)
                    new.append(variant)
                continue
            known = before.of_variant(case, variant, base) if before is not None else InBase()
            reason = variant_not_compared(variant, base, head, known)
            self._settled.append(settled(case, claim.name, variant, reason))
        return new

    def _settle(self, case: str, reason: Uncompared) -> None:
        self._seen.add(case)
        self._settled.append(settled(case, self.claim_of(case).name, "", reason))

    def mark_lost(self, lost: SideLost) -> None:
        """A process died: the case it was about to begin, if any, is lost; the others go on in the next
        unit."""
        reason = SideStopped(lost.side, str(lost))
        for decision in self.wanted():
            if decision.case == lost.case:
                decision.settle(GateOutcome.FAILED, reason)
        if lost.case and lost.case not in self._seen:
            self._seen.add(lost.case)
            name = self.claim_of(lost.case).name
            self._settled.append(GateVerdict(lost.case, name, "", SECONDS, GateOutcome.FAILED, reason))

    def out_of_time(self) -> None:
        """The budget ended: give what was not measured before that reason."""
        self._unreached = NotCompared.NOT_MEASURED
        for decision in self.wanted():
            if decision.open and not decision.measurements:
                decision.reason = Uncompared(NotCompared.NOT_MEASURED)

    def mark(self, unit: int, marked: Callable[[Measurement], Measurement]) -> None:
        """Note which of that unit's blocks were throttled."""
        for decision in self.decisions:
            decision.mark(unit, marked)

    def decide(self) -> None:
        """Judge by what was measured up to now."""
        judge(self.decisions, self._thresholds)

    def claim_of(self, case: str) -> Claim:
        """The claim that a case belongs to."""
        return self._by_function[benchmark_of(case)]

    # --- what the next unit is for --------------------------------------------------------------------------

    def wanted(self, case: str | None = None) -> list[Decision]:
        """The decisions that another unit is for, of one case or of all."""
        return [
            decision
            for decision in self.decisions
            if case in (None, decision.case)
            if decision.open
            or (
                self._selftest
                and len(decision.measurements) < SELFTEST_UNITS
                and decision.outcome not in _STOPPED
            )
        ]

    def unseen(self) -> list[str]:
        """Cases that no pair has reached yet."""
        return [case for case in self._all or () if case not in self._seen]

    def cases_wanted(self) -> list[str]:
        """The cases that the next unit is for, sorted."""
        return sorted({*self.unseen(), *(decision.case for decision in self.wanted())})

    def files_wanted(self) -> list[str]:
        """The files that the next pair must import, sorted: all of them until it is known what cases there
        are."""
        if self._all is None:
            return sorted({claim.path for claim in self._by_function.values()})
        return sorted({self.claim_of(case).path for case in self.cases_wanted()})

    def least_seconds(self) -> float:
        """Seconds of the cheapest measurement that another unit is for; 0 if one of them was not measured
        yet."""
        return 0.0 if self.unseen() else least_of(self.wanted())

    def early(self) -> dict[str, int]:
        """The cases whose few units lie far from what is tolerated, and how many units decide each."""
        found: dict[str, int] = {}
        for decision in self.wanted():
            if decision.even and decision.open:
                ahead = decision.units_ahead(self._thresholds, len(self._decisions))
                found[decision.case] = max(ahead, found.get(decision.case, 0))
        return found

    # --- what is known so far -------------------------------------------------------------------------------

    @property
    def decisions(self) -> list[Decision]:
        """All decisions, open or not."""
        return list(self._decisions.values())

    def first_looks(self) -> LooksAhead | None:
        """How many units the first decisions take, once it is known how many there are."""
        return rule_for(self._thresholds, len(self._decisions)).ahead(0) if self._decisions else None

    def suspects(self) -> bool:
        """Whether anything regressed, or looks so far as if it may."""
        limits = self._thresholds
        return any(one.larger(limits) or one.slower(limits) or one.suspect(limits) for one in self.decisions)

    def count(self) -> tuple[int, int, int]:
        """Decisions that are made, decisions in all, and how many are regressed."""
        decided = [decision for decision in self.decisions if not decision.open]
        return len(decided), len(self._decisions), count_regressed(decided)

    def measurements(self) -> list[Measurement]:
        """Every pair of samples so far."""
        return [measurement for decision in self.decisions for measurement in decision.measurements]

    def progress(self) -> tuple[int, int, int]:
        """Three numbers of which one at least grows in a unit that did anything."""
        return len(self.measurements()), len(self._settled), self.count()[0]

    def verdicts(self) -> list[GateVerdict]:
        """Every verdict, those of no case first, then case by case."""
        verdicts = [*self._settled]
        verdicts += [
            settled(case, self.claim_of(case).name, "", Uncompared(self._unreached)) for case in self.unseen()
        ]
        for decision in self.decisions:
            verdicts += decision.verdicts(self._thresholds, len(self._decisions), self._accepted)
        order = {case: index for index, case in enumerate(sorted({*self._seen, *self.unseen()}))}
        return sorted(verdicts, key=lambda verdict: order.get(verdict.case, -1))
