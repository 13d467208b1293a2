"""A run as JUnit XML: one test case a verdict. A claim that fails is a finding, and no failure of a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.model import Outcome, Verdict
from harness.report.format import effect, interval, sanitize
from harness.report.header import header_lines
from harness.report.render import junit as document
from harness.store import Run

_TAGS = {
    **dict.fromkeys((Outcome.WRONG, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST), "error"),
    **dict.fromkeys((Outcome.SKIPPED, Outcome.INCONCLUSIVE), "skipped"),
}
"""The element of each verdict; an error is what gives ``bench`` and ``report`` the exit status 3."""


def junit(run: Run, verdicts: Iterable[Verdict]) -> str:
    """The document of a run and its verdicts, to be written as UTF-8."""
    spent: dict[str, float] = {}
    for measurement in run.measurements:
        spent[measurement.case] = spent.get(measurement.case, 0.0) + measurement.seconds
    entries = [_entry(verdict, spent.get(verdict.case, 0.0)) for verdict in verdicts]
    started = run.facts.get("started")
    return document.junit(
        "bench",
        entries,
        _properties(run),
        seconds=sum(spent.values()),
        started=started if isinstance(started, str) else "",
    )


def _entry(verdict: Verdict, seconds: float) -> document.TestCase:
    found = verdict.comparison
    change = effect(found) if found else ""
    if found and interval(found):
        change = f"{change} ({interval(found)})"
    reason = sanitize(verdict.reason)
    return document.TestCase(
        verdict.case,
        (verdict.variant,),
        str(verdict.outcome),
        "; ".join(part for part in (str(verdict.outcome), change, reason) if part)
        if verdict.outcome not in _TAGS
        else "; ".join(part for part in (change, reason) if part),
        _TAGS.get(verdict.outcome, ""),
        verdict.reason,
        seconds,
    )


def _properties(run: Run) -> Iterator[tuple[str, str]]:
    yield "run.folder", run.folder.name
    yield from header_lines(run)
    yield "ended", sanitize(run.ended.text)
