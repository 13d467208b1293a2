"""A comparison as numbers: rows for CSV and Parquet, a JSON document, results for programs that run tests."""

from __future__ import annotations

from typing import Any

from harness.judge.runs import ComparedCells, RunComparison
from harness.model import BASELINE, SCHEMA, Differs, parameters
from harness.report.builders.comparison import better, closing, word
from harness.report.document import CaseResult, CaseResults, CheckState
from harness.report.environment_diff import environment_diff
from harness.report.format import effect, interval, sanitize
from harness.store.codec import plain


def records(found: RunComparison) -> list[dict[str, object]]:
    """A row a line: the same columns always, None where there is nothing."""
    return [_record(line) for line in found.lines]


def _record(line: ComparedCells) -> dict[str, object]:
    difference, effect_ = line.difference, line.effect
    found = difference.comparison
    effects = [
        verdict.comparison.ratio if verdict and verdict.comparison else None for verdict in line.verdicts
    ]
    if line.variant == BASELINE:
        effects = [None, None]
    return {
        "claim": line.claim,
        "case": line.case,
        "parameters": parameters(line.case),
        "variant": line.variant,
        "first": line.columns[0],
        "second": line.columns[1],
        "metric": found.metric,
        "verdict": word(difference),
        "ratio": found.ratio,
        "low": found.low,
        "high": found.high,
        "first_level": line.levels[0],
        "second_level": line.levels[1],
        "first_count": difference.counts[0],
        "second_count": difference.counts[1],
        "drift": difference.drift,
        "p": found.p,
        "paired": found.paired,
        "first_claim_verdict": str(line.verdicts[0].outcome) if line.verdicts[0] else None,
        "second_claim_verdict": str(line.verdicts[1].outcome) if line.verdicts[1] else None,
        "first_effect": effects[0],
        "second_effect": effects[1],
        "effect_ratio": effect_.comparison.ratio if effect_ else None,
        "effect_differs": str(effect_.differs) if effect_ else None,
        "reason": difference.reason,
    }


def document(found: RunComparison) -> dict[str, Any]:
    """The document for machines; what is not finite is null."""
    return {
        "schema": SCHEMA,
        "kind": "comparison",
        "axis": str(found.axis),
        "columns": [
            {"label": column.label, "runs": [run.folder.name for run in column.runs]}
            for column in found.columns
        ],
        "environment": {
            each.name: list(each.values)
            for each in environment_diff(
                [column.runs[-1].environment for column in found.columns], ("warnings",)
            )
        },
        "lines": [plain(record) for record in records(found)],
        "apart": [plain(row) for row in found.incomparable],
        "warnings": list(found.warnings),
        "summary": closing(found),
    }


def results(found: RunComparison) -> CaseResults:
    """A result for each line: what is shown to be worse is a failure, what cannot be compared is skipped."""
    entries = [_entry(line) for line in found.lines]
    entries += [
        CaseResult(
            row.case,
            (row.variant, row.columns[1]),
            "not compared",
            sanitize(row.reason),
            CheckState.SKIPPED,
            row.reason,
        )
        for row in found.incomparable
    ]
    labels = [(f"column.{index}", column.label) for index, column in enumerate(found.columns)]
    return CaseResults("compare", entries, [("outcome", closing(found)), *labels])


def _entry(line: ComparedCells) -> CaseResult:
    difference = line.difference
    compared = difference.comparison
    change = effect(compared)
    if interval(compared):
        change = f"{change} ({interval(compared)})"
    state = (
        CheckState.FAILURE
        if better(difference) is False
        else CheckState.SKIPPED
        if difference.differs is Differs.TOO_FEW
        else CheckState.PASSED
    )
    outcome = word(difference)
    return CaseResult(
        line.case,
        (line.variant, compared.metric, line.columns[1]),
        outcome,
        f"{outcome}: {change}" if state is CheckState.PASSED else change,
        state,
        difference.reason,
    )
