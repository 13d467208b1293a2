"""A gate as JUnit XML: one test case a verdict."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import GateOutcome, GateResult, GateVerdict, SideFacts
from harness.report.builders.gate import NEVER_GREEN, GateRow, headline, rows, variables
from harness.report.render import junit as document

_TAGS = {
    GateOutcome.REGRESSED: "failure",
    **dict.fromkeys(NEVER_GREEN, "error"),
    **dict.fromkeys((GateOutcome.NEW, GateOutcome.SKIPPED), "skipped"),
}
"""The element that says how a test case went; *new* was compared with nothing, which is no success."""


def junit(result: GateResult) -> str:
    """The document, to be written as UTF-8. Times are in seconds; a name keeps all its characters that XML
    can hold."""
    entries = [_entry(*pair) for pair in zip(result.verdicts, rows(result.verdicts), strict=True)]
    return document.junit(
        "gate", entries, _properties(result), seconds=result.seconds, started=result.started
    )


def _entry(verdict: GateVerdict, row: GateRow) -> document.TestCase:
    change = f"{row.change} ({row.interval})" if row.interval else row.change
    return document.TestCase(
        verdict.case,
        (verdict.variant, verdict.metric),
        str(verdict.outcome),
        "; ".join(part for part in (change, row.readings, row.reason) if part),
        _TAGS.get(verdict.outcome, ""),
        verdict.reason,
        verdict.seconds,
    )


def _properties(result: GateResult) -> Iterator[tuple[str, str]]:
    yield "outcome", headline(result)
    yield "status", str(result.status)
    yield "target", str(result.target)
    yield "loader_target", str(result.loader_target)
    yield "alpha", str(result.alpha)
    yield "decisions", str(result.decisions)
    yield from _side_facts(result.base)
    yield from _side_facts(result.head)


def _side_facts(side: SideFacts) -> Iterator[tuple[str, str]]:
    yield f"{side.side}.label", side.label
    if side.python:
        yield f"{side.side}.python", side.python
    for name, value in variables(side).items():
        yield f"{side.side}.variable.{name}", value
    for package in side.packages:
        yield (
            f"{side.side}.package.{package.name}",
            f"{package.digest} {package.file}" if package.file else "not there",
        )
