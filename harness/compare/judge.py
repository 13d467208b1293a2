"""Judge a whole run: every case of every claim, from what was saved of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from harness.compare.rules import Thresholds
from harness.compare.throttle import marked
from harness.compare.verdict import verdicts
from harness.model import BUDGET_USED, INTERRUPTED, Claim, Measurement, Outcome, Verdict
from harness.store import Run

BAD = (Outcome.WRONG, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST)
"""Verdicts after which ``bench`` and ``report`` exit with 3."""


def judge(run: Run, thresholds: Thresholds | None = None) -> tuple[Verdict, ...]:
    """Every verdict of a run, in the order of its claims and then of its cases."""
    stopped_short = run.ended in (BUDGET_USED, INTERRUPTED)
    lost = "" if stopped_short else "planned, and no process ever finished it"
    measurements = marked(run.measurements, run.telemetry)
    found = judge_measurements(run.claims, measurements, run.planned, thresholds, lost=lost)
    measured = {measurement.case for measurement in run.measurements}
    why = f"not reached: {run.ended}"
    return tuple(v if v.case in measured or lost else replace(v, reason=why) for v in found)


def judge_measurements(
    claims: Iterable[Claim],
    measurements: Iterable[Measurement],
    planned: Iterable[str],
    thresholds: Thresholds | None = None,
    *,
    lost: str = "",
) -> tuple[Verdict, ...]:
    """The same from its parts. A planned case without a measurement is lost for that reason; without one it is open."""
    limits = thresholds or Thresholds()
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        by_case[measurement.case].append(measurement)
    of_claim = {f"{claim.path}::{claim.function}": claim for claim in claims}
    cases = dict.fromkeys([*planned, *by_case])
    found: list[Verdict] = []
    for function, claim in of_claim.items():
        for case in sorted(case for case in cases if case.partition("[")[0] == function):
            known = by_case.get(case, [])
            found += verdicts(claim, known, limits, case=case, lost="" if known else lost)
    return tuple(found)
