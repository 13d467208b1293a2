"""The state of a gate: every case of either side, from not yet reached to decided."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from harness.gate.before import BaseRevision
from harness.gate.decision import (
    GONE,
    Decision,
    count_regressed,
    fate_of_case,
    fate_of_variant,
    gone,
    judge,
    least_of,
    settled,
)
from harness.gate.pair import MISSING, CaseState, SideLost, WorkerPair
from harness.judge.regression import GateThresholds, rule_for
from harness.model import Claim, GateOutcome, GateVerdict, Measurement, Side, Status, benchmark_of
from harness.plural import counted

SELFTEST_UNITS = 10
"""Units a selftest takes of every decision, whatever was decided before: a noise floor needs some."""

NOT_MEASURED = "not measured: the budget ended before it"
"""The reason of what no unit came to."""


class GateState:
    """What a gate judges, and what it cannot; ``accepted`` are exact metrics of which more is accepted."""

    def __init__(
        self, claims: Sequence[Claim], limits: GateThresholds, *, selftest: bool, accepted: Container[str] = ()
    ) -> None:
        self._by_function = {f"{claim.path}::{claim.function}": claim for claim in claims}
        self._before: BaseRevision | None = None
        self._limits = limits
        self._selftest = selftest
        self._accepted = accepted
        self._candidates: dict[tuple[str, str], Decision] = {}
        self._fates: list[GateVerdict] = []
        self._all: list[str] | None = None
        self._seen: set[str] = set()
        self._unreached = "not reached"

    def knows(self, before: BaseRevision | None) -> None:
        """What base's own revision has; None where it has no revision of its own, and so nothing can be new."""
        self._before = before

    def collect(self, pair: WorkerPair) -> None:
        """Take down every case of the chosen benchmarks that either side has; the first pair is asked, once.

        Files that cannot be imported have their fate.
        """
        if self._all is not None:
            return
        cases = dict.fromkeys([*pair.cases[Side.HEAD], *pair.cases[Side.BASE]])
        for function, claim in self._by_function.items():
            if any(benchmark_of(case) == function for case in cases):
                continue
            status, reason = pair.collected[Side.HEAD].why_absent(claim.path) or (Status.FAILED, "it has no case")
            if status is not Status.SKIPPED:
                known = GateOutcome.FAILED, f"head: {reason}"
            elif self._before is not None and self._before.cases(function):
                known = GateOutcome.MISSING, f"head skips what base runs: {reason}"
            else:  # as a whole on both sides, or it would have cases on one
                known = GateOutcome.SKIPPED, f"head: {reason}"
            self._fates.append(settled(function, claim, "", *known))
        self._call_before({benchmark_of(case) for case in cases}, set(cases))
        self._all = [case for case in cases if benchmark_of(case) in self._by_function]

    def enter(self, case: str, standings: Mapping[Side, CaseState]) -> None:
        """Both sides have a case before them: what is to be judged of it, and what cannot be."""
        if case in self._seen:
            return
        self._seen.add(case)
        claim = self.claim_of(case)
        base, head = standings[Side.BASE], standings[Side.HEAD]
        before = self._before
        had = before is None or before.has(case, listed=base.status != MISSING)
        ran = before.measures(case) if before is not None else ()
        skips = base.reason if base.status == Status.SKIPPED else ""
        unable = before.unable(case, here=skips) if before is not None else ""
        if known := fate_of_case(base, head, had=had, ran=bool(ran), unable=unable):
            self._fates.append(settled(case, claim, "", *known))
            return
        for variant in dict.fromkeys([*head.variants, *base.variants, *head.absent, *base.absent, *ran]):
            if variant in head.variants and variant in base.variants:
                self._candidates[case, variant] = Decision(case, claim, variant)
                continue
            had = before is None or before.has(case, variant, listed=variant in base.absent)
            unable = before.unable(case, variant, here=base.absent.get(variant, "")) if before is not None else ""
            known = fate_of_variant(variant, base, head, had=had, ran=variant in ran, unable=unable)
            self._fates.append(settled(case, claim, variant, *known))

    def _call_before(self, functions: set[str], cases: set[str]) -> None:
        """What base's own revision has, and neither side under head's files."""
        if self._before is None:
            return
        self._fates += map(gone, self._before.removed(tuple(self._by_function.values())))
        for function in self._by_function.keys() & functions:
            for case in set(self._before.cases(function)) - cases:
                self._seen.add(case)
                self._fates.append(settled(case, self._by_function[function], "", GateOutcome.MISSING, GONE))

    def mark_lost(self, lost: SideLost) -> None:
        """A process died: the case it was on its way to, if any, is lost; the others go on in the next unit."""
        reason = f"{lost.side}: {lost}"
        for candidate in self.wanted():
            if candidate.case == lost.case:
                candidate.settle(GateOutcome.FAILED, reason)
        if lost.case and lost.case not in self._seen:
            self._seen.add(lost.case)
            self._fates.append(settled(lost.case, self.claim_of(lost.case), "", GateOutcome.FAILED, reason))

    def out_of_time(self) -> None:
        """The budget ended: what was not measured before says so."""
        self._unreached = NOT_MEASURED
        for candidate in self.wanted():
            if candidate.open and not candidate.measurements:
                candidate.reason = NOT_MEASURED

    def least_seconds(self) -> float:
        """Seconds that the least of what another unit is for takes; 0 where that was not measured yet."""
        if self.unseen():
            return 0.0
        return least_of(self.wanted())

    def mark(self, unit: int, marked: Callable[[Measurement], Measurement]) -> None:
        """Note of that unit's blocks what held the GPU's clocks back."""
        for candidate in self._candidates.values():
            candidate.mark(unit, marked)

    def decide(self) -> None:
        """Judge by what was measured up to now."""
        judge(self._candidates.values(), self._limits)

    def wanted(self, case: str | None = None) -> list[Decision]:
        """The candidates that another unit is for, of one case or of all."""
        stopped = (GateOutcome.WRONG, GateOutcome.FAILED, GateOutcome.TIMED_OUT)
        return [
            candidate
            for candidate in self._candidates.values()
            if case in (None, candidate.case)
            if candidate.open
            or (self._selftest and len(candidate.measurements) < SELFTEST_UNITS and candidate.outcome not in stopped)
        ]

    def unseen(self) -> list[str]:
        """Cases that no pair has reached yet."""
        return [case for case in self._all or () if case not in self._seen]

    def cases_wanted(self) -> list[str]:
        """The cases that the next unit is for, sorted."""
        return sorted({*self.unseen(), *(candidate.case for candidate in self.wanted())})

    def early(self) -> dict[str, int]:
        """The cases that few units show to be far from what is tolerated, and how many they need for a decision."""
        found: dict[str, int] = {}
        for candidate in self.wanted():
            if candidate.even and candidate.open:
                ahead = candidate.units_ahead(self._limits, len(self._candidates))
                found[candidate.case] = max(ahead, found.get(candidate.case, 0))
        return found

    def first_looks(self) -> str:
        """How many units the first decisions take, once it is known how many there are."""
        if not self._candidates:
            return ""
        by = rule_for(self._limits, len(self._candidates))
        return f"{counted(len(self._candidates), 'decision')}: at the earliest {by.ahead(0)}"

    def outlooks(self) -> list[str]:
        """What is said early of decisions that are not likely to fall."""
        return [
            " ".join(filter(None, (candidate.case, candidate.variant, candidate.outlook)))
            for candidate in self.wanted()
            if candidate.outlook
        ]

    def files_wanted(self) -> list[str]:
        """The files that the next pair must import, sorted: all of them until it is known what cases there are."""
        if self._all is None:
            return sorted({claim.path for claim in self._by_function.values()})
        return sorted({self.claim_of(case).path for case in self.cases_wanted()})

    def timed(self) -> list[Decision]:
        """The candidates that a unit has measured."""
        return [candidate for candidate in self._candidates.values() if candidate.measurements]

    def slower(self) -> list[Decision]:
        """The candidates whose head is slower than is tolerated."""
        return [candidate for candidate in self._candidates.values() if candidate.slower(self._limits)]

    def larger(self) -> list[Decision]:
        """The candidates whose head needs more memory than is tolerated."""
        return [candidate for candidate in self._candidates.values() if candidate.larger(self._limits)]

    def suspects(self) -> bool:
        """Whether anything regressed, or looks so far as if it may."""
        return bool(self.larger()) or any(
            candidate.slower(self._limits) or candidate.suspect(self._limits) for candidate in self._candidates.values()
        )

    @property
    def decisions(self) -> int:
        """How many decisions there are in all."""
        return len(self._candidates)

    def count(self) -> tuple[int, int, int]:
        """Decisions that have fallen, decisions in all, and how many of the fallen say regressed."""
        decided = [candidate for candidate in self._candidates.values() if not candidate.open]
        return len(decided), len(self._candidates), count_regressed(decided)

    def measurements(self) -> list[Measurement]:
        """Every pair of samples so far."""
        return [measurement for candidate in self._candidates.values() for measurement in candidate.measurements]

    def progress(self) -> tuple[int, int, int]:
        """Three numbers of which one at least grows in a unit that did anything."""
        return len(self.measurements()), len(self._fates), self.count()[0]

    def verdicts(self) -> list[GateVerdict]:
        """Every verdict and fate, those of no case first, then case by case."""
        verdicts = [*self._fates]
        verdicts += [
            settled(case, self.claim_of(case), "", GateOutcome.INCONCLUSIVE, self._unreached) for case in self.unseen()
        ]
        for candidate in self._candidates.values():
            verdicts += candidate.verdicts(self._limits, len(self._candidates), self._accepted)
        order = {case: index for index, case in enumerate(sorted({*self._seen, *self.unseen()}))}
        return sorted(verdicts, key=lambda verdict: order.get(verdict.case, -1))

    def claim_of(self, case: str) -> Claim:
        """The claim that a case belongs to."""
        return self._by_function[benchmark_of(case)]
