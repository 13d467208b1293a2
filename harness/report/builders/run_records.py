"""A run as data: a JSON document with every verdict, and results for programs that run tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.model import Claim, Outcome, Verdict
from harness.report.builders.run_content import RunContent
from harness.report.document import CaseResult, CaseResults, CheckState
from harness.report.format import basis, effect, interval, sanitize
from harness.report.header import header_lines
from harness.report.so_far import so_far
from harness.store import Run
from harness.store.codec import to_json


@dataclass(frozen=True, slots=True)
class Reported:
    """What the document holds; ``kind`` tells it from other documents of ours."""

    kind: str
    run: str
    ended: str
    facts: Mapping[str, Any]
    environment: Mapping[str, Any]
    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    footnotes: tuple[str, ...]


def document(run: Run, content: RunContent) -> dict[str, Any]:
    """The document; what is not finite is null."""
    return to_json(
        Reported(
            "report",
            run.folder.name,
            run.ended.text,
            run.facts,
            run.environment,
            run.claims,
            content.verdicts,
            content.footnotes,
        )
    )


_STATES = {
    **dict.fromkeys((Outcome.WRONG, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST), CheckState.ERROR),
    **dict.fromkeys((Outcome.SKIPPED, Outcome.INCONCLUSIVE, Outcome.GONE), CheckState.SKIPPED),
}
"""How a case went; an error is what gives ``bench`` and ``report`` the exit status 3. A claim that fails is a
finding, and no failure of a test."""


def results(run: Run, verdicts: Iterable[Verdict]) -> CaseResults:
    """A result for each verdict."""
    spent: dict[str, float] = {}
    for measurement in run.measurements:
        spent[measurement.case] = spent.get(measurement.case, 0.0) + measurement.seconds
    started = run.facts.get("started")
    return CaseResults(
        "bench",
        [_result(verdict, spent.get(verdict.case, 0.0)) for verdict in verdicts],
        [("run.folder", run.folder.name), *header_lines(run), ("ended", sanitize(run.ended.text))],
        sum(spent.values()),
        started if isinstance(started, str) else "",
    )


def _result(verdict: Verdict, seconds: float) -> CaseResult:
    found = verdict.comparison
    change = effect(found) if found else ""
    if found and interval(found):
        change = f"{change} ({interval(found)})"
    state = _STATES.get(verdict.outcome, CheckState.PASSED)
    went_by = basis(verdict.basis)
    word = str(verdict.outcome) if state is CheckState.PASSED else ""
    known = so_far(verdict)
    return CaseResult(
        verdict.case,
        (verdict.variant,),
        str(verdict.outcome),
        known or "; ".join(part for part in (word, change, sanitize(verdict.reason), went_by) if part),
        state,
        "; ".join(part for part in (verdict.reason, went_by) if part),
        seconds,
    )
