"""The page of a comparison: where the runs differ, every row, the changes drawn, and what cannot be
compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.judge.group import Axis
from harness.judge.runs import ComparedCells, RunComparison
from harness.model import Differs, metric
from harness.report.builders.comparison import (
    COLUMNS,
    WORDS,
    better,
    by_claim,
    differences,
    measured_runs,
    memory,
    one_after_the_other,
    sentence,
    sequential,
    tone,
    word,
)
from harness.report.document import IMPROVED, Document, Row
from harness.report.figures.forest import Effect, drawable, forest, on_two_scales
from harness.report.format import sanitize
from harness.report.html.parts import (
    Figure,
    Figures,
    Grid,
    Grids,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    PageHead,
    Section,
    counts,
    filtered_table,
    verdict_cell,
    with_text,
)

Compared = Sequence[tuple[ComparedCells, Row]]
"""What was compared, and its text."""

MOST_HEADLINES = 20

_LEAST_DRIFT = 0.0005
"""The share from which a row states the drift of its runs."""

_IN_DETAILS = frozenset({"effect", "claims"})
"""Columns for which a page has no room: they are among the details of a row."""

_SHOWN = tuple(column for column in COLUMNS if column.name not in _IN_DETAILS)
_NUMERIC = frozenset({"change", "interval", "levels", "memory", "units"})
_LABELS = {column.name: column.title for column in COLUMNS} | {
    "against": "against",
    "claims": "verdict on the claim",
}
_COLUMNS = (HtmlColumn("claim"), *(HtmlColumn(_LABELS[each.name], each.name in _NUMERIC) for each in _SHOWN))


def compared_page(found: RunComparison, document: Document) -> HtmlPage:
    """The page of a comparison, with the texts of its document."""
    compared = [
        pair
        for lines, table in zip(by_claim(found).values(), document.tables, strict=False)
        for pair in zip(lines, table.lines, strict=True)
    ]
    return HtmlPage(
        sanitize(document.title, 200),
        tuple(measured_runs(found)),
        tuple(_sections(found, document, compared)),
        tuple(document.footnotes),
        "" if found.lines else "Nothing could be compared; the reasons are below.",
    )


def _sections(found: RunComparison, document: Document, compared: Compared) -> Iterator[Section]:
    effects = {id(line): _effect(line, row) for line, row in compared}
    rows = [_row(found, line, row) for line, row in compared]
    general = [sequential()] if one_after_the_other(found) else []
    known = found.axis is not Axis.VARIANT and all(column.runs[-1].environment for column in found.columns)
    remarks = [*general, *([_ALIKE] if known and not differences(found) else [])]
    yield Section(
        "glance", "At a glance",
        PageHead(counts(rows, WORDS), tuple(document.warnings[len(general):]), tuple(remarks), _differing(found)),
        _headlines([effects[id(line)] for line, _ in compared if better(line.difference) is not None]),
    )  # fmt: skip
    if rows:
        yield Section(
            "rows", "Every row", filtered_table("Every row of this comparison", _COLUMNS, rows, WORDS)
        )
        claims = ([effects[id(line)] for line in lines] for lines in by_claim(found).values())
        if figures := on_two_scales(claims, "Claims that changed little", "Claims that changed much"):
            yield Section("changes", "Changes", Figures(), tuple(figures), _AXIS)
    if found.incomparable:
        title = f"Cannot be compared ({len(found.incomparable)})"
        yield Section(
            "incomparable", title, Grids((_incomparable(document),), titled=False), intro=_INCOMPARABLE
        )


_AXIS = (
    'Each line is the 95 % interval of the second against the first, with the drift of the runs; left of "equal" is '
    "faster or less, right of it slower or more, and the grey band is the margin that counts as none. Hollow marks "
    "are not shown to differ."
)
_ALIKE = "What was recorded of the runs' environments is the same."
_INCOMPARABLE = "These rows are in no count and no figure above."


def _differing(found: RunComparison) -> tuple[Grid, ...]:
    rows = tuple((each.name, *each.values) for each in differences(found))
    labels = tuple(sanitize(column.label, 60) for column in found.columns)
    return (Grid("In which the runs differ", ("", *labels), rows),) if rows else ()


def _headlines(effects: Sequence[Effect]) -> tuple[Figure, ...]:
    largest = sorted(
        effects, key=lambda effect: -abs(math.log(effect.ratio)) if drawable(effect.ratio) else -math.inf
    )
    drawn = forest("overview", "The largest differences", largest[:MOST_HEADLINES], _AXIS)
    return (drawn,) if drawn else ()


def _effect(line: ComparedCells, row: Row) -> Effect:
    difference, found = line.difference, line.difference.comparison
    label = " ".join(filter(None, (line.claim, *_names(row), row.cells["metric"])))
    return Effect(
        label, found.ratio, found.low, found.high, line.margin, tone(line.difference), word(difference),
        row.cells["change"], row.cells["interval"], row.cells["units"],
    )  # fmt: skip


def _names(row: Row) -> tuple[str, ...]:
    return row.cells["case"], row.cells["variant"], row.cells["against"]


def _row(found: RunComparison, line: ComparedCells, row: Row) -> OpenableRow:
    difference = line.difference
    cells = row.cells
    details = with_text(
        ("claim", sentence(found, line.claim)),
        ("case", sanitize(line.case)),
        ("metric", sanitize(metric(difference.comparison.metric).meaning)),
        ("verdict", ": ".join(filter(None, (word(difference), sanitize(difference.reason))))),
        *(
            (_LABELS[name], cells[name])
            for name in ("change", "interval", "levels", "effect", "claims", "memory")
        ),
        ("invocations", cells["units"]),
        (
            "measured",
            "side by side, block by block" if difference.comparison.paired else "one after the other",
        ),
        ("drift", _drift(line)),
    )
    return OpenableRow(
        _cells(line, row),
        word(difference),
        tone(line.difference),
        sanitize(line.claim),
        details,
        tuple(row.notes),
    )


def _drift(line: ComparedCells) -> str:
    difference = line.difference
    if difference.drift < _LEAST_DRIFT or difference.differs is Differs.TOO_FEW:
        return ""
    return f"{difference.drift:.1%} within a run; the interval includes it"


def _cells(line: ComparedCells, row: Row) -> tuple[HtmlCell, ...]:
    difference, own = line.difference, memory(line)
    found = difference.comparison
    keys = {
        "change": math.log(found.ratio) if drawable(found.ratio) else None, "interval": found.low,
        "levels": line.levels[1], "memory": own[2] - own[1] if own else None, "units": difference.counts[1],
    }  # fmt: skip
    cells = [HtmlCell(sanitize(line.claim))]
    for column in _SHOWN:
        text = row.cells[column.name]
        if column.name == "verdict":
            cells.append(verdict_cell(text, WORDS, tone(line.difference), row.notes))
        else:
            change = IMPROVED[better(difference)] if column.name == "change" else ""
            cells.append(HtmlCell(text, keys.get(column.name) if text else None, change))
    return tuple(cells)


def _incomparable(document: Document) -> Grid:
    table = document.tables[-1]
    shown = table.shown
    head = tuple(column.title or "against" for column in shown)
    return Grid(
        table.heading, head, tuple(tuple(row.cells[column.name] for column in shown) for row in table.lines)
    )
