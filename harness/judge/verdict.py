"""A verdict for each variant of a case: what stood in the way first, then exact readings or units against the
rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.judge.evidence import CaseEvidence, Trouble, VariantEvidence, case_evidence, evidence, is_exact
from harness.judge.moderated import NO_PRIOR, Centre, Prior, centre_of
from harness.judge.rules import LookResult, Thresholds, decide, further, judged_centre
from harness.judge.units import SHOWN, bounded, compared_readings, log_ratio
from harness.model import Basis, Claim, Comparison, Expect, Measurement, Outcome, Status, Verdict, metric
from harness.plural import counted

_OUTCOMES = {
    Status.WRONG: Outcome.WRONG,
    Status.FAILED: Outcome.FAILED,
    Status.TIMED_OUT: Outcome.TIMED_OUT,
    Status.REFUTED: Outcome.FAILS,
    Status.CONFIRMED: Outcome.HOLDS,
    Status.GONE: Outcome.GONE,
    Status.SKIPPED: Outcome.SKIPPED,
}
"""Worst first: a variant that was wrong once is wrong, however often it was measured."""

_TIMELESS = (Status.SKIPPED, Status.CONFIRMED, Status.REFUTED, Status.GONE)

DEFAULT = Thresholds()


def verdicts(
    claim: Claim,
    measurements: Sequence[Measurement],
    thresholds: Thresholds = DEFAULT,
    *,
    case: str = "",
    lost: str = "",
    prior: Prior = NO_PRIOR,
) -> tuple[Verdict, ...]:
    """One verdict a variant, from all measurements of one case, judged by itself.

    A run's cases are judged together (`harness.judge.run`): each is ``prior`` to the others. ``lost`` is the
    reason why a planned measurement is absent: variants that the others have not decided are then lost. Where
    no measurement names a variant the one verdict has the empty name, and ``case`` says which case it is. An
    inconclusive verdict with ``more_units`` 0 is final: the last look is past. Raises ValueError for
    measurements of several cases.
    """
    found = case_evidence(measurements, claim.metric, thresholds.keep)
    return verdicts_on(claim, found, thresholds, case=case, lost=lost, prior=prior)


def verdicts_on(
    claim: Claim,
    found: CaseEvidence,
    thresholds: Thresholds = DEFAULT,
    *,
    case: str = "",
    lost: str = "",
    prior: Prior = NO_PRIOR,
) -> tuple[Verdict, ...]:
    """The same from evidence that was gathered before."""
    judge = _Judge(claim, found.case or case, found, thresholds, prior)
    if not found.variants:
        return (judge.without_variants(lost),)
    return tuple(judge.verdict(name, own, lost) for name, own in found.variants.items())


def comparison(
    measurements: Sequence[Measurement],
    variant: str,
    metric: str,
    thresholds: Thresholds = DEFAULT,
    margin: float = 0.02,
) -> Comparison | None:
    """A variant beside the baseline by any metric, all units counted; None where no measurement has numbers
    of both.

    ``low`` and ``high`` are None before the first look and for exact metrics. ``margin`` only says how far
    the totals may depart from the typical ratio before the variant is called unsteady.
    """
    found = evidence(measurements, variant, metric, thresholds.keep)
    if is_exact(metric):
        return _exact(found)
    return _noisy(found, *judged_centre(found.units, margin, thresholds), thresholds)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges the variants of one case by one claim."""

    claim: Claim
    case: str
    found: CaseEvidence
    thresholds: Thresholds
    prior: Prior

    def verdict(self, variant: str, own: VariantEvidence, lost: str) -> Verdict:
        """The verdict on one variant: what stopped it, else what its numbers give, else that it is lost."""
        judged = (
            self._by_readings(variant, own) if is_exact(self.claim.metric) else self._by_units(variant, own)
        )
        measured = judged.comparison
        stopped = self._stopped(own, measured)
        if stopped is not None:
            # a wrong variant has no time
            return self._answer(variant, *stopped, None if stopped[0] is Outcome.WRONG else measured)
        if lost and not judged.decided:
            return self._answer(variant, Outcome.LOST, f"{lost}{_after(measured)}", measured)
        return judged

    def without_variants(self, lost: str) -> Verdict:
        """The one verdict on a case without variants."""
        for status, outcome in _OUTCOMES.items():
            for trouble in self.found.troubles:
                if trouble.status is status:
                    return self._answer("", outcome, _reason(trouble))
        if lost:
            return self._answer("", Outcome.LOST, lost)
        first_look = self.thresholds.looks[0]
        if not self.found.case:
            return self._answer("", Outcome.INCONCLUSIVE, "not measured yet", more=first_look)
        # Nothing is expected of a baseline alone, and so nothing is inconclusive. As many units as a first
        # look takes let a later run or a gate judge it.
        units = self.found.invocations
        reason = f"a baseline alone: {counted(units, 'unit')} kept for compare and the gate"
        return self._answer("", Outcome.SKIPPED, reason, more=max(0, first_look - units))

    def _answer(
        self,
        variant: str,
        outcome: Outcome,
        reason: str,
        found: Comparison | None = None,
        more: int = 0,
        basis: Basis | None = None,
    ) -> Verdict:
        seconds = more * self.found.unit_seconds
        return Verdict(self.case, self.claim.name, variant, outcome, reason, found, more, seconds, basis)

    def _by_units(self, variant: str, own: VariantEvidence) -> Verdict:
        margin = self.claim.margin
        decision = decide(own.units, own.expect or self.claim.expect, margin, self.thresholds, self.prior)
        found = _noisy(own, decision.centre, decision.unsteady, self.thresholds, decision.p)
        basis = _basis(decision)
        if decision.outcome is not None:
            return self._answer(variant, decision.outcome, decision.reason, found, basis=basis)
        if not own.units and own.measured:
            return self._answer(variant, Outcome.INCONCLUSIVE, f"no round holds a usable {own.metric}")
        more, reason = further(decision, margin, self.thresholds)
        return self._answer(variant, Outcome.INCONCLUSIVE, reason, found, more, basis)

    def _by_readings(self, variant: str, own: VariantEvidence) -> Verdict:
        if not own.readings:
            reason, more = f"no reading of {own.metric}", 0 if own.measured else 1
            return self._answer(variant, Outcome.INCONCLUSIVE, reason, more=more)
        base, other = own.readings[-1]
        effect, edge = log_ratio(base, other), math.log1p(self.claim.margin)
        direction = Expect.HIGHER if effect > edge else Expect.LOWER if effect < -edge else Expect.SAME
        otherwise = Outcome.NO_EFFECT if direction is Expect.SAME else Outcome.FAILS
        outcome = Outcome.HOLDS if direction is (own.expect or self.claim.expect) else otherwise
        reason = f"{base:.15g} -> {other:.15g} {metric(own.metric).unit}"
        return self._answer(variant, outcome, reason, _exact(own))

    def _stopped(self, own: VariantEvidence, measured: Comparison | None) -> tuple[Outcome, str] | None:
        """What keeps the variant from being judged by its numbers; None where nothing does."""
        if own.troubles and measured is None and all(each.status is Status.SKIPPED for each in own.troubles):
            return Outcome.SKIPPED, _reason(own.troubles[0])
        for status, outcome in _OUTCOMES.items():
            if status is Status.SKIPPED and measured is not None:
                continue
            for trouble in own.troubles:
                if trouble.status is status:
                    return outcome, f"{_reason(trouble)}{_after(measured)}"
            for trouble in self.found.troubles:
                if trouble.status is status:
                    # the variant itself was not wrong: it has nothing to be compared with
                    what = Outcome.FAILED if outcome is Outcome.WRONG else outcome
                    return what, f"the baseline was {status}: {_reason(trouble)}{_after(measured)}"
        return (
            None
            if self.found.has_baseline
            else (Outcome.FAILED, "no measurement has a baseline to compare with")
        )


def _noisy(
    found: VariantEvidence,
    centre: Centre | None,
    unsteady: bool,
    thresholds: Thresholds,
    p: float | None = None,
) -> Comparison | None:
    """The comparison by the units that were judged; None where there are none."""
    if centre is None:
        return None
    low, high = centre.interval(SHOWN)
    shown = centre.units >= thresholds.looks[0]
    total = centre_of([unit.total for unit in found.units[: centre.units]]).mean
    return Comparison(
        found.metric,
        centre.units,
        math.exp(centre.mean),
        math.exp(bounded(low)) if shown else None,
        math.exp(bounded(high)) if shown else None,
        p=p,
        mean_ratio=math.exp(total),
        unsteady=unsteady,
        warnings=found.warnings,
        throttled=found.throttled,
    )


def _basis(decision: LookResult) -> Basis | None:
    """What the interval went by; None for fewer than two units, which have no spread."""
    centre = decision.centre
    if centre is None or centre.own is None:
        return None
    return Basis(
        math.sqrt(centre.own.variance),
        math.sqrt(centre.prior.variance),
        centre.trusted,
        centre.freedom,
        centre.deviation,
        decision.level,
    )


def _exact(found: VariantEvidence) -> Comparison | None:
    """The comparison by the latest reading; None where there is none."""
    if not found.readings:
        return None
    distinct = dict.fromkeys(found.readings)
    shown = ", ".join(f"{base:.15g} -> {other:.15g}" for base, other in list(distinct)[:3])
    warning = f"invocations disagree about {found.metric}: {shown}; the latest counts"
    compared = compared_readings(found.metric, *found.readings[-1], (warning,) if len(distinct) > 1 else ())
    return replace(compared, units=len(found.readings))


def _reason(trouble: Trouble) -> str:
    reason = trouble.reason or str(trouble.status)
    # What has no time would have none in any invocation.
    return reason if trouble.status in _TIMELESS else f"{reason} (invocation {trouble.invocation})"


def _after(measured: Comparison | None) -> str:
    return f", {counted(measured.units, 'unit')} measured" if measured is not None and measured.units else ""
