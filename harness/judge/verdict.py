"""A verdict for each variant of a case: what stood in the way first, then exact readings or units against the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.judge.evidence import (
    Evidence,
    Trouble,
    contested,
    evidence,
    exact_readings,
    in_order,
    is_exact,
    log_ratio,
    seconds_per_unit,
    troubles,
    variants,
)
from harness.judge.rules import Thresholds, decide, further, judged_by
from harness.judge.stats import hodges_lehmann, signed_rank_interval
from harness.model import BASELINE, Claim, Comparison, Expect, Measurement, Outcome, Status, Verdict, metric
from harness.plural import counted

_OUTCOMES = {
    Status.WRONG: Outcome.WRONG,
    Status.FAILED: Outcome.FAILED,
    Status.TIMED_OUT: Outcome.TIMED_OUT,
    Status.SKIPPED: Outcome.SKIPPED,
}
"""Worst first: a variant that was wrong once is wrong, however often it was measured."""

DEFAULT = Thresholds()


@dataclass(frozen=True, slots=True)
class _Question:
    """What a verdict answers: what the claim says of one variant of one case, and what was measured."""

    claim: Claim
    case: str
    measurements: Sequence[Measurement]
    variant: str
    thresholds: Thresholds

    def answer(self, outcome: Outcome, reason: str, found: Comparison | None = None, more: int = 0) -> Verdict:
        seconds = more * seconds_per_unit(self.measurements)
        return Verdict(self.case, self.claim.name, self.variant, outcome, reason, found, more, seconds)

    def expect(self) -> Expect:
        """The latest measurement's word: a case or a variant may expect another sign than its claim."""
        for measurement in reversed(in_order(self.measurements)):
            trial = measurement.trial(self.variant)
            if trial is not None and trial.status is Status.MEASURED and not measurement.survey:
                return trial.expect
        return self.claim.expect


def verdicts(
    claim: Claim,
    measurements: Sequence[Measurement],
    thresholds: Thresholds = DEFAULT,
    *,
    case: str = "",
    lost: str = "",
) -> tuple[Verdict, ...]:
    """One verdict a variant, from all measurements of one case.

    ``lost`` is the reason why a planned measurement is absent: variants that the others have not decided are then
    lost. Where no measurement names a variant the one verdict has the empty name, and ``case`` says which case it is.
    An inconclusive verdict with ``more_units`` 0 is final: the last look is past. Raises ValueError for measurements
    of several cases.
    """
    cases = {measurement.case for measurement in measurements}
    if len(cases) > 1:
        raise ValueError(f"verdicts are for one case, not {', '.join(sorted(cases))}")
    case = cases.pop() if cases else case
    names = variants(measurements)
    if not names:
        return (_nameless(_Question(claim, case, measurements, "", thresholds), lost),)
    return tuple(_verdict(_Question(claim, case, measurements, name, thresholds), lost) for name in names)


def comparison(
    measurements: Sequence[Measurement],
    variant: str,
    metric: str,
    thresholds: Thresholds = DEFAULT,
    margin: float = 0.02,
) -> Comparison | None:
    """A variant beside the baseline by any metric, all units counted; None where no measurement has numbers of both.

    ``low`` and ``high`` are None under six units and for exact metrics. ``margin`` only says how far the totals may
    depart from the typical ratio before the variant is called unsteady.
    """
    if is_exact(metric):
        return _exact_comparison(exact_readings(measurements, variant, metric), metric)
    found = evidence(measurements, variant, metric, thresholds.keep)
    if not found.units:
        return None
    judged, unsteady = judged_by(found.units, margin, thresholds)
    return _describe(found, judged, unsteady, thresholds)


def _verdict(question: _Question, lost: str) -> Verdict:
    judged = _exact_verdict(question) if is_exact(question.claim.metric) else _noisy_verdict(question)
    stopped = _stopped(question, judged.comparison)
    if stopped is not None:
        # a wrong variant has no time
        return question.answer(*stopped, None if stopped[0] is Outcome.WRONG else judged.comparison)
    if lost and not judged.decided:
        return question.answer(Outcome.LOST, f"{lost}{_after(judged.comparison)}", judged.comparison)
    return judged


def _noisy_verdict(question: _Question) -> Verdict:
    claim, thresholds = question.claim, question.thresholds
    found = evidence(question.measurements, question.variant, claim.metric, thresholds.keep)
    decision = decide(found.units, question.expect(), claim.margin, thresholds)
    described = _describe(found, decision.units, decision.unsteady, thresholds) if found.units else None
    if decision.outcome is not None:
        return question.answer(decision.outcome, decision.reason, described)
    if not found.units and contested(question.measurements, question.variant):
        return question.answer(Outcome.INCONCLUSIVE, f"no round holds a usable {claim.metric}")
    more, reason = further(decision.units, claim.margin, thresholds)
    return question.answer(Outcome.INCONCLUSIVE, reason, described, more)


def _exact_verdict(question: _Question) -> Verdict:
    claim, expect = question.claim, question.expect()
    readings = exact_readings(question.measurements, question.variant, claim.metric)
    if not readings:
        more = 0 if contested(question.measurements, question.variant) else 1
        return question.answer(Outcome.INCONCLUSIVE, f"no reading of {claim.metric}", more=more)
    base, other = readings[-1]
    effect, edge = log_ratio(base, other), math.log1p(claim.margin)
    direction = Expect.HIGHER if effect > edge else Expect.LOWER if effect < -edge else Expect.SAME
    otherwise = Outcome.NO_EFFECT if direction is Expect.SAME else Outcome.FAILS
    reason = f"{base:.15g} -> {other:.15g} {metric(claim.metric).unit}"
    return question.answer(
        Outcome.HOLDS if direction is expect else otherwise, reason, _exact_comparison(readings, claim.metric)
    )


def _exact_comparison(readings: list[tuple[float, float]], name: str) -> Comparison | None:
    if not readings:
        return None
    base, other = readings[-1]
    ratio = 1.0 if base == other else other / base if base else math.inf
    distinct = dict.fromkeys(readings)
    shown = ", ".join(f"{a:.15g} -> {b:.15g}" for a, b in list(distinct)[:3])
    warnings = (f"invocations disagree about {name}: {shown}; the latest counts",) if len(distinct) > 1 else ()
    return Comparison(name, len(readings), ratio, warnings=warnings)


def _describe(found: Evidence, judged: tuple[float, ...], unsteady: bool, thresholds: Thresholds) -> Comparison:
    interval = signed_rank_interval(judged, thresholds.shown)
    low, high = (None, None) if interval is None else (math.exp(interval[0]), math.exp(interval[1]))
    total = hodges_lehmann([unit.total for unit in found.units[: len(judged)]])
    ratio = math.exp(hodges_lehmann(judged))
    return Comparison(
        found.metric, len(judged), ratio, low, high, math.exp(total), unsteady, found.warnings, found.throttled
    )


def _stopped(question: _Question, measured: Comparison | None) -> tuple[Outcome, str] | None:
    measurements = question.measurements
    own, base = troubles(measurements, question.variant), troubles(measurements, BASELINE)
    if own and measured is None and all(trouble.status is Status.SKIPPED for trouble in own):
        return Outcome.SKIPPED, _said(own[0])
    for status, outcome in _OUTCOMES.items():
        if status is Status.SKIPPED and measured is not None:
            continue
        for trouble in own:
            if trouble.status is status:
                return outcome, f"{_said(trouble)}{_after(measured)}"
        for trouble in base:
            if trouble.status is status:
                # the variant itself was not wrong: it has nothing to be compared with
                word = Outcome.FAILED if outcome is Outcome.WRONG else outcome
                return word, f"the baseline was {status}: {_said(trouble)}{_after(measured)}"
    if measurements and all(measurement.trial(BASELINE) is None for measurement in measurements):
        return Outcome.FAILED, "no measurement has a baseline to compare with"
    return None


def _nameless(question: _Question, lost: str) -> Verdict:
    found = troubles(question.measurements, BASELINE)
    for status, outcome in _OUTCOMES.items():
        for trouble in found:
            if trouble.status is status:
                return question.answer(outcome, _said(trouble))
    if lost:
        return question.answer(Outcome.LOST, lost)
    if question.measurements:
        return _alone(question)
    return question.answer(Outcome.INCONCLUSIVE, "not measured yet", more=question.thresholds.looks[0])


def _alone(question: _Question) -> Verdict:
    # Nothing is expected of it, and so nothing is inconclusive. As many units as a first look takes let a later run or
    # a gate judge it.
    units = sum(1 for measurement in question.measurements if not measurement.survey)
    more = max(0, question.thresholds.looks[0] - units)
    reason = f"a baseline alone: {counted(units, 'unit')} kept for compare and the gate"
    return question.answer(Outcome.SKIPPED, reason, more=more)


def _said(trouble: Trouble) -> str:
    if trouble.status is Status.SKIPPED:  # it would be skipped in any invocation
        return trouble.reason or trouble.status
    return f"{trouble.reason or trouble.status} (invocation {trouble.invocation})"


def _after(measured: Comparison | None) -> str:
    return f", {counted(measured.units, 'unit')} measured" if measured is not None and measured.units else ""
