"""Judge a whole run: every case of every claim, from what was saved of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from harness.judge.evidence import CaseEvidence, case_evidence, seconds_per_unit
from harness.judge.moderated import prior_of, spread_of
from harness.judge.rules import Thresholds
from harness.judge.verdict import verdicts_on
from harness.model import Claim, Measurement, Outcome, Status, Verdict, WarningCode, benchmark_of
from harness.store import Run

BAD = (Outcome.WRONG, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST)
"""Verdicts after which ``bench`` and ``report`` exit with 3."""

UNKNOWN = {False: 2.0, True: 30.0}
"""Seconds to allow for an invocation of a case that was not reached, where none of its sort was; True is for
loaders, which run whole epochs of every variant."""


def judge(run: Run, thresholds: Thresholds | None = None) -> tuple[Verdict, ...]:
    """Every verdict of a run, in the order of its claims and then of its cases."""
    lost = "" if run.ended.cut_short else "planned, and no process ever finished it"
    found = judge_measurements(run.claims, run.measurements, run.planned, thresholds, lost=lost)
    measured = {measurement.case for measurement in run.measurements}
    if lost or measured.issuperset(verdict.case for verdict in found):
        return found
    why, typical = f"not reached: {run.ended.text}", _typical_seconds(run)
    return tuple(
        verdict
        if verdict.case in measured
        else replace(verdict, reason=why, more_seconds=verdict.more_units * typical[verdict.claim])
        for verdict in found
    )


def measured_nothing(run: Run) -> bool:
    """Whether no case of a run was measured."""
    return not any(measurement.status is Status.MEASURED for measurement in run.measurements)


def without_case(run: Run) -> dict[str, str]:
    """The benchmarks of which pytest had no case although nothing says that they are to be skipped, with the
    reason."""
    return {
        measurement.case: measurement.reason
        for measurement in run.measurements
        if any(warning.code is WarningCode.NO_CASE for warning in measurement.warnings)
    }


def _typical_seconds(run: Run) -> dict[str, float]:
    """What an invocation of a case of each claim is likely to take: the mean of the measured cases of its
    sort."""
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    loaders = {f"{claim.path}::{claim.function}": claim.loader for claim in run.claims}
    spent: dict[bool, list[float]] = {True: [], False: []}
    for case, measurements in by_case.items():
        if (seconds := seconds_per_unit(measurements)) and (function := benchmark_of(case)) in loaders:
            spent[loaders[function]].append(seconds)
    typical = {
        sort: sum(seconds) / len(seconds) if seconds else UNKNOWN[sort] for sort, seconds in spent.items()
    }
    return {claim.name: typical[claim.loader] for claim in run.claims}


def judge_measurements(
    claims: Iterable[Claim],
    measurements: Iterable[Measurement],
    planned: Iterable[str],
    thresholds: Thresholds | None = None,
    *,
    lost: str = "",
) -> tuple[Verdict, ...]:
    """The same from its parts. A planned case without a measurement is lost for that reason; without one it
    is open."""
    limits = thresholds or Thresholds()
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        by_case[measurement.case].append(measurement)
    of_claim = {f"{claim.path}::{claim.function}": claim for claim in claims}
    cases = dict.fromkeys([*planned, *by_case])
    judged = {
        case: (claim, case_evidence(by_case.get(case, ()), claim.metric, limits.keep))
        for function, claim in of_claim.items()
        for case in sorted(case for case in cases if benchmark_of(case) == function)
    }
    found = judge_together(judged, limits, lost={case: lost for case in judged if case not in by_case})
    return tuple(verdict for own in found.values() for verdict in own)


def judge_together(
    cases: Mapping[str, tuple[Claim, CaseEvidence]],
    thresholds: Thresholds,
    *,
    lost: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, tuple[Verdict, ...]]:
    """The verdicts of each case of a run, in the order given; ``lost`` has the reasons why cases are absent.

    The prior of a case are the spreads of the other cases of its sort: of the same metric, with a loader or
    without. As they get more units it may change what a look decides, so all cases are judged again when one
    has new evidence.
    """
    spreads = {
        case: [
            own
            for variant in found.variants.values()
            if len(variant.units) >= thresholds.looks[0]
            and (own := spread_of([unit.quiet for unit in variant.units])) is not None
        ]
        for case, (_, found) in cases.items()
    }
    return {
        case: verdicts_on(
            claim,
            found,
            thresholds,
            case=case,
            lost=lost.get(case, ""),
            prior=prior_of(
                spread
                for other, (others, _) in cases.items()
                if other != case and (others.metric, others.loader) == (claim.metric, claim.loader)
                for spread in spreads[other]
            ),
        )
        for case, (claim, found) in cases.items()
    }
