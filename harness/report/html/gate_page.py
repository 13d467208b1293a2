"""The page of a gate: every decision, the changes drawn, and the two sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.model import GateOutcome, GateResult, GateVerdict, parameters
from harness.report.builders.gate import decided_by, headline
from harness.report.builders.gate_rows import TONES, GateRow, rows
from harness.report.builders.gate_sides import differences, sides
from harness.report.document import IMPROVED
from harness.report.figures.forest import Effect, in_pieces
from harness.report.format import sanitize
from harness.report.gate_notes import notes_text
from harness.report.header import machine_lines
from harness.report.html.parts import (
    Figures,
    Grid,
    Grids,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    Section,
    filtered_table,
    verdict_cell,
    with_text,
)

_COLUMNS = (
    HtmlColumn("claim"),
    HtmlColumn("case"),
    HtmlColumn("variant"),
    HtmlColumn("metric"),
    HtmlColumn("decision"),
    HtmlColumn("change", True),
    HtmlColumn("95 % interval", True),
    HtmlColumn("base -> head", True),
    HtmlColumn("units", True),
    HtmlColumn("noise", True),
    HtmlColumn("resolves", True),
)
_ORDER = tuple(map(str, GateOutcome))


def gate_page(result: GateResult, name: str = "") -> HtmlPage:
    """The page of a gate's result."""
    facts = with_text(
        *((side.side, side.label) for side in sides(result)),
        ("decided by", ", ".join(decided_by(result))),
        ("started", sanitize(result.started)),
        *machine_lines(result.head.environment),
    )
    return HtmlPage(
        f"{'Selftest' if result.selftest else 'Gate'}: {headline(result)}",
        facts,
        tuple(_sections(result)),
        tuple(map(sanitize, notes_text(result))),
        source=sanitize(name, 200),
    )


def _sections(result: GateResult) -> Iterator[Section]:
    if result.verdicts:
        decisions = list(zip(result.verdicts, rows(result.verdicts), strict=True))
        table = filtered_table(
            "Every decision of this gate",
            _COLUMNS,
            [_row(verdict, row) for verdict, row in decisions],
            _ORDER,
        )
        yield Section("verdicts", "Decisions", table)
        if figures := in_pieces("Head against base", _effects(result, decisions)):
            yield Section("effects", "Changes", Figures(), tuple(figures), _AXIS)
    grids = [Grid(f"{side.side}: {side.label}", ("", ""), side.lines) for side in sides(result) if side.lines]
    if differing := tuple((each.name, *each.values) for each in differences(result)):
        grids.append(Grid("In which the environments differ", ("", "base", "head"), differing))
    yield Section("sides", "The two sides", Grids(tuple(grids)))


_AXIS = (
    'Each line is the 95 % interval of head against base; left of "equal" is faster or less, right of it slower '
    "or more, and the grey band ends at the slow-down that the gate has to catch."
)


def _row(verdict: GateVerdict, row: GateRow) -> OpenableRow:
    tone, found = TONES[row.outcome], verdict.comparison
    cells = (
        HtmlCell(row.claim),
        HtmlCell(sanitize(parameters(verdict.case)) or row.case),
        HtmlCell(row.variant),
        HtmlCell(row.metric),
        verdict_cell(str(row.outcome), _ORDER, tone),
        HtmlCell(row.change, found.ratio if found else None, IMPROVED[row.better]),
        HtmlCell(row.interval, found.low if found else None),
        HtmlCell(row.readings, verdict.head),
        HtmlCell(row.units, found.units if found else 0),
        HtmlCell(row.noise, verdict.spread),
        HtmlCell(row.resolves, verdict.resolvable),
    )
    details = with_text(
        ("case", row.case),
        ("decision", ": ".join(filter(None, (str(row.outcome), row.reason)))),
        ("change", row.change),
        ("95 % interval", row.interval),
        ("base -> head", row.readings),
        ("units of evidence", row.units),
        ("deviation of a unit", row.noise),
        ("smallest slow-down resolved", row.resolves),
    )
    return OpenableRow(cells, str(row.outcome), tone, row.claim, details)


def _effects(result: GateResult, decisions: Sequence[tuple[GateVerdict, GateRow]]) -> list[Effect]:
    return [
        Effect(
            " ".join(filter(None, (row.claim, parameters(verdict.case), row.variant, _unless_time(verdict, row)))),
            found.ratio, found.low, found.high, result.target, TONES[row.outcome], str(row.outcome),
            row.change, row.interval, row.units,
        )
        for verdict, row in decisions
        if (found := verdict.comparison) is not None and found.ratio > 0
    ]  # fmt: skip


def _unless_time(verdict: GateVerdict, row: GateRow) -> str:
    return "" if verdict.metric == "seconds" else row.metric
