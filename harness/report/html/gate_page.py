"""The page of a gate: what is slower, what could not be judged, and what the two sides were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.model import Gated, GateResult, GateVerdict, parameters
from harness.report.gate.content import GateRow, decided_by, differences, headline, rows, sides
from harness.report.header import machine_lines
from harness.report.html.forest import Effect, in_pieces
from harness.report.html.parts import (
    BAD,
    DIM,
    GOOD,
    OPEN,
    SAME,
    TROUBLE,
    Cell,
    Choice,
    Column,
    Entry,
    Facts,
    Grid,
    Page,
    Part,
    Table,
    without_empty,
)
from harness.report.words import inert

TONES = {
    Gated.REGRESSED: BAD,
    Gated.IMPROVED: GOOD,
    Gated.UNCHANGED: GOOD,
    Gated.INCONCLUSIVE: OPEN,
    Gated.MISSING: TROUBLE,
    Gated.NEW: SAME,
    Gated.WRONG: TROUBLE,
    Gated.FAILED: TROUBLE,
    Gated.TIMED_OUT: TROUBLE,
    Gated.SKIPPED: DIM,
    Gated.ACCEPTED: SAME,
}
"""The tone each decision is shown in; its word stands beside it."""

_COLUMNS = (
    Column("claim"), Column("case"), Column("variant"), Column("metric"), Column("decision"), Column("change", True),
    Column("95 % interval", True), Column("base -> head", True), Column("units", True), Column("noise", True),
    Column("resolves", True),
)  # fmt: skip
_ORDER = {outcome: index for index, outcome in enumerate(Gated)}


def gate_page(result: GateResult, name: str = "") -> Page:
    """What there is to show of a gate's result."""
    facts = [
        *((side.arm, side.label) for side in sides(result)),
        ("decided by", ", ".join(decided_by(result))),
        ("started", inert(result.started)),
        *machine_lines(result.head.environment),
    ]
    return Page(
        f"{'Selftest' if result.selftest else 'Gate'}: {headline(result)}",
        tuple((label, words) for label, words in facts if words),
        tuple(_parts(result)),
        tuple(inert(note) for note in (result.unchanged, *result.notes) if note),
        "",
        inert(name, 200),
    )


def _parts(result: GateResult) -> Iterator[Part]:
    told = rows(result.verdicts)
    if told:
        yield Part("verdicts", "Decisions", "table.html", _table(result.verdicts, told))
        figures = tuple(in_pieces("Head against base", _effects(result, told)))
        if figures:
            yield Part("effects", "Changes", "effects.html", _AXIS, figures)
    arms = tuple(Grid(f"{side.arm}: {side.label}", ("", ""), side.lines) for side in sides(result) if side.lines)
    differing = tuple((each.name, each.base, each.head) for each in differences(result))
    found = [Grid("In which the environments differ", ("", "base", "head"), differing)] if differing else []
    yield Part("arms", "The two sides", "grids.html", (*arms, *found))


_AXIS = (
    'Each line is the 95 % interval of head against base; right of "equal" is slower or more, and the grey band '
    "ends at the slow-down that is to be caught."
)


def _table(verdicts: Sequence[GateVerdict], told: Sequence[GateRow]) -> Table:
    cells = [_cells(verdict, row) for verdict, row in zip(verdicts, told, strict=True)]
    kept, columns = without_empty(_COLUMNS, cells)
    kinds, groups = Counter(str(row.outcome) for row in told), Counter(row.claim for row in told)
    return Table(
        "Every decision of this gate",
        columns,
        tuple(
            Entry(
                tuple(own[index] for index in kept),
                str(row.outcome),
                row.claim,
                (Facts("What was decided", tuple((a, b) for a, b in (
                    ("case", row.case), ("decision", ": ".join(filter(None, (str(row.outcome), row.reason)))),
                    ("change", row.change), ("95 % interval", row.interval), ("base -> head", row.readings),
                    ("units of evidence", row.units), ("deviation of a unit", row.noise),
                    ("smallest slow-down told apart", row.resolves),
                ) if b)),),
                (),
                " ".join((row.claim, row.case, row.variant, row.metric, str(row.outcome), row.reason)).lower(),
            )
            for own, row in zip(cells, told, strict=True)
        ),
        tuple(Choice(str(outcome), kinds[str(outcome)], TONES[outcome]) for outcome in Gated if kinds[str(outcome)]),
        tuple(Choice(claim, count) for claim, count in groups.items()),
        "claim",
    )  # fmt: skip


def _cells(verdict: GateVerdict, row: GateRow) -> tuple[Cell, ...]:
    better = {True: GOOD, False: BAD, None: ""}[row.better]
    return (
        Cell(row.claim),
        Cell(inert(parameters(verdict.case)) or row.case),
        Cell(row.variant),
        Cell(row.metric),
        Cell(str(row.outcome), _ORDER[row.outcome], TONES[row.outcome], sign=True),
        Cell(row.change, verdict.ratio, better),
        Cell(row.interval, verdict.low),
        Cell(row.readings, verdict.head),
        Cell(row.units, verdict.units),
        Cell(row.noise, verdict.spread),
        Cell(row.resolves, verdict.resolvable),
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
