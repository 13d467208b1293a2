"""A gate as data: the saved form, which ``--json`` writes, and back; and results for programs that run
tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, cast

from harness.model import (
    Comparison,
    GateNote,
    GateOutcome,
    GateResult,
    GateVerdict,
    MetricKind,
    ReasonText,
    Side,
    SideFacts,
    metric,
    text_notes,
)
from harness.report.builders.gate import headline
from harness.report.builders.gate_rows import NEVER_GREEN, GateRow, rows
from harness.report.builders.gate_sides import variables
from harness.report.document import CaseResult, CaseResults, CheckState
from harness.report.gate_notes import note_text
from harness.report.gate_reason import reason_text
from harness.store.codec import from_json, plain, to_json


@dataclass(frozen=True, slots=True)
class _SavedVerdict:
    """A verdict as schema 1 has it: the numbers of its comparison beside its own."""

    case: str
    claim: str
    variant: str
    metric: str
    outcome: GateOutcome
    reason: str = ""
    units: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    base: float | None = None
    head: float | None = None
    unsteady: bool = False
    seconds: float = 0.0
    spread: float | None = None
    resolvable: float | None = None
    p: float | None = None
    paired: bool = True


def document(result: GateResult) -> dict[str, Any]:
    """The result by the names of its fields, with ``schema`` first; what is not finite is None.

    Values of variables that are named like a secret are left out: such files are uploaded.
    """
    found = to_json(replace(result, verdicts=(), notes=()))
    found["notes"] = [plain(note_text(note)) for note in result.notes]
    found["verdicts"] = [plain(_saved(verdict)) for verdict in result.verdicts]
    for name, side in (("base", result.base), ("head", result.head)):
        found[name]["variables"] = variables(side)
    return found


def result_from(document: object) -> GateResult:
    """The result that `document` wrote. Raises ValueError that names the field for anything else."""
    found = from_json(GateResult, document, stored={GateVerdict: _SavedVerdict, GateNote: str})
    verdicts = tuple(map(_verdict, cast(Iterable[_SavedVerdict], found.verdicts)))
    found = replace(found, verdicts=verdicts, notes=text_notes(cast(Iterable[str], found.notes)))
    if found.status > 255:
        raise ValueError(f"status {found.status} is not an exit status")
    for facts, side in ((found.base, Side.BASE), (found.head, Side.HEAD)):
        if facts.side is not side:
            raise ValueError(f"{side}.arm is not {side}")  # codespell:ignore arm
    return found


def _saved(verdict: GateVerdict) -> _SavedVerdict:
    found = verdict.comparison
    saved = _SavedVerdict(
        verdict.case,
        verdict.claim,
        verdict.variant,
        verdict.metric,
        verdict.outcome,
        reason_text(verdict),
        base=verdict.base,
        head=verdict.head,
        seconds=verdict.seconds,
        spread=verdict.spread,
        resolvable=verdict.resolvable,
    )
    if found is None:
        return saved
    return replace(
        saved,
        units=found.units,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        unsteady=found.unsteady,
        p=found.p,
        paired=found.paired,
    )


def _verdict(saved: _SavedVerdict) -> GateVerdict:
    ratio, base, head = saved.ratio, saved.base, saved.head
    if (
        ratio is None
        and metric(saved.metric).kind is MetricKind.EXACT
        and base is not None
        and head is not None
    ):
        # what is not finite is not saved: its readings still give it
        ratio = head / base if base else inf if head else 1.0
    found = None
    if ratio is not None:
        found = Comparison(
            saved.metric,
            saved.units,
            ratio,
            saved.low,
            saved.high,
            saved.p,
            saved.paired,
            unsteady=saved.unsteady,
        )
    return GateVerdict(
        saved.case,
        saved.claim,
        saved.variant,
        saved.metric,
        saved.outcome,
        ReasonText(saved.reason) if saved.reason else None,
        found,
        base,
        head,
        saved.seconds,
        saved.spread,
        saved.resolvable,
    )


_STATES = {
    GateOutcome.REGRESSED: CheckState.FAILURE,
    **dict.fromkeys(NEVER_GREEN, CheckState.ERROR),
    **dict.fromkeys((GateOutcome.NEW, GateOutcome.SKIPPED), CheckState.SKIPPED),
}
"""How a case went; *new* was compared with nothing, which is no success."""


def results(result: GateResult) -> CaseResults:
    """A result for each verdict."""
    found = [_result(*pair) for pair in zip(result.verdicts, rows(result.verdicts), strict=True)]
    return CaseResults("gate", found, tuple(_properties(result)), result.seconds, result.started)


def _result(verdict: GateVerdict, row: GateRow) -> CaseResult:
    change = f"{row.change} ({row.interval})" if row.interval else row.change
    return CaseResult(
        verdict.case,
        (verdict.variant, verdict.metric),
        str(verdict.outcome),
        "; ".join(part for part in (change, row.readings, row.reason) if part),
        _STATES.get(verdict.outcome, CheckState.PASSED),
        reason_text(verdict),
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
