"""The page of a gate: what is slower, what could not be judged, and what the two sides were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.model import GateOutcome, GateResult, GateVerdict, parameters
from harness.report.figures.forest import Effect, in_pieces
from harness.report.format import sanitize
from harness.report.gate.content import GateRow, decided_by, differences, headline, rows, sides
from harness.report.header import machine_lines
from harness.report.html.parts import (
    BAD,
    DIM,
    GOOD,
    OPEN,
    SAME,
    TROUBLE,
    Choice,
    Facts,
    FilteredTable,
    Grid,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    Section,
    without_empty,
)

TONES = {
    GateOutcome.REGRESSED: BAD,
    GateOutcome.IMPROVED: GOOD,
    GateOutcome.UNCHANGED: GOOD,
    GateOutcome.INCONCLUSIVE: OPEN,
    GateOutcome.MISSING: TROUBLE,
    GateOutcome.NEW: SAME,
    GateOutcome.WRONG: TROUBLE,
    GateOutcome.FAILED: TROUBLE,
    GateOutcome.TIMED_OUT: TROUBLE,
    GateOutcome.SKIPPED: DIM,
    GateOutcome.ACCEPTED: SAME,
}
"""The tone each decision is shown in; its word stands beside it."""

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
_ORDER = {outcome: index for index, outcome in enumerate(GateOutcome)}


def gate_page(result: GateResult, name: str = "") -> HtmlPage:
    """What there is to show of a gate's result."""
    facts = [
        *((side.arm, side.label) for side in sides(result)),
        ("decided by", ", ".join(decided_by(result))),
        ("started", sanitize(result.started)),
        *machine_lines(result.head.environment),
    ]
    return HtmlPage(
        f"{'Selftest' if result.selftest else 'Gate'}: {headline(result)}",
        tuple((label, words) for label, words in facts if words),
        tuple(_parts(result)),
        tuple(sanitize(note) for note in (result.unchanged, *result.notes) if note),
        "",
        sanitize(name, 200),
    )


def _parts(result: GateResult) -> Iterator[Section]:
    told = rows(result.verdicts)
    if told:
        yield Section("verdicts", "Decisions", "table.html", _table(result.verdicts, told))
        figures = tuple(in_pieces("Head against base", _effects(result, told)))
        if figures:
            yield Section("effects", "Changes", "effects.html", _AXIS, figures)
    arms = tuple(Grid(f"{side.arm}: {side.label}", ("", ""), side.lines) for side in sides(result) if side.lines)
    differing = tuple((each.name, each.base, each.head) for each in differences(result))
    found = [Grid("In which the environments differ", ("", "base", "head"), differing)] if differing else []
    yield Section("arms", "The two sides", "grids.html", (*arms, *found))


_AXIS = (
    'Each line is the 95 % interval of head against base; right of "equal" is slower or more, and the grey band '
    "ends at the slow-down that is to be caught."
)


def _table(verdicts: Sequence[GateVerdict], told: Sequence[GateRow]) -> FilteredTable:
    cells = [_cells(verdict, row) for verdict, row in zip(verdicts, told, strict=True)]
    kept, columns = without_empty(_COLUMNS, cells)
    kinds, groups = Counter(str(row.outcome) for row in told), Counter(row.claim for row in told)
    return FilteredTable(
        "Every decision of this gate",
        columns,
        tuple(
            OpenableRow(
                tuple(own[index] for index in kept),
                str(row.outcome),
                row.claim,
                (
                    Facts(
                        "What was decided",
                        tuple(
                            (a, b)
                            for a, b in (
                                ("case", row.case),
                                ("decision", ": ".join(filter(None, (str(row.outcome), row.reason)))),
                                ("change", row.change),
                                ("95 % interval", row.interval),
                                ("base -> head", row.readings),
                                ("units of evidence", row.units),
                                ("deviation of a unit", row.noise),
                                ("smallest slow-down told apart", row.resolves),
                            )
                            if b
                        ),
                    ),
                ),
                (),
                " ".join((row.claim, row.case, row.variant, row.metric, str(row.outcome), row.reason)).lower(),
            )
            for own, row in zip(cells, told, strict=True)
        ),
        tuple(
            Choice(str(outcome), kinds[str(outcome)], TONES[outcome]) for outcome in GateOutcome if kinds[str(outcome)]
        ),
        tuple(Choice(claim, count) for claim, count in groups.items()),
        "claim",
    )


def _cells(verdict: GateVerdict, row: GateRow) -> tuple[HtmlCell, ...]:
    better = {True: GOOD, False: BAD, None: ""}[row.better]
    return (
        HtmlCell(row.claim),
        HtmlCell(sanitize(parameters(verdict.case)) or row.case),
        HtmlCell(row.variant),
        HtmlCell(row.metric),
        HtmlCell(str(row.outcome), _ORDER[row.outcome], TONES[row.outcome], sign=True),
        HtmlCell(row.change, verdict.ratio, better),
        HtmlCell(row.interval, verdict.low),
        HtmlCell(row.readings, verdict.head),
        HtmlCell(row.units, verdict.units),
        HtmlCell(row.noise, verdict.spread),
        HtmlCell(row.resolves, verdict.resolvable),
    )


def _effects(result: GateResult, told: Sequence[GateRow]) -> list[Effect]:
    return [
        Effect(
            " ".join(filter(None, (row.claim, parameters(verdict.case), row.variant, _unless_time(verdict, row)))),
            verdict.ratio, verdict.low, verdict.high, result.target, TONES[row.outcome], str(row.outcome),
            row.change, row.interval, row.units,
        )
        for verdict, row in zip(result.verdicts, told, strict=True)
        if verdict.ratio is not None and verdict.ratio > 0
    ]  # fmt: skip


def _unless_time(verdict: GateVerdict, row: GateRow) -> str:
    return "" if verdict.metric == "seconds" else row.metric
