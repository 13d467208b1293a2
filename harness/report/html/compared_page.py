"""The page of a comparison: where the runs differ, every row, the changes drawn, and what cannot be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.judge.group import Axis
from harness.judge.runs import ComparedCells, RunComparison
from harness.model import Differs, metric, parameters
from harness.report import document
from harness.report.comparing.content import (
    COLUMNS,
    WORDS,
    better,
    by_claim,
    differences,
    held,
    memory,
    sentence,
    sequential,
    word,
)
from harness.report.document import Document
from harness.report.figures.forest import Effect, drawable, forest, on_two_scales
from harness.report.format import sanitize
from harness.report.html.parts import (
    BAD,
    DIM,
    GOOD,
    OPEN,
    SAME,
    Choice,
    Facts,
    Figure,
    FilteredTable,
    Grid,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    PageHead,
    Section,
    common_tone,
    found_facts,
    without_empty,
)

Rows = Sequence[tuple[ComparedCells, document.Row]]
"""What was compared beside its words."""

MOST_HEADLINES = 20

_WORTH_TELLING = 0.0005
"""The share from which a row tells what its runs wandered."""

_IN_DETAILS = frozenset({"effect", "claims"})
"""Columns for which a page has no room beside the others: they are told where a row is opened."""

_SHOWN = tuple(column for column in COLUMNS if column.name not in _IN_DETAILS)
_NUMERIC = frozenset({"change", "interval", "levels", "memory", "units"})
_UNTOLD = {"no difference shown": DIM, "too few invocations": OPEN, "same": SAME}
_LABELS = {column.name: column.title for column in COLUMNS} | {"against": "against", "claims": "verdict on the claim"}


def compared_page(found: RunComparison, told: Document) -> HtmlPage:
    """What there is to show of a comparison, in the words of its paper."""
    rows = [
        pair
        for lines, table in zip(by_claim(found).values(), told.tables, strict=False)
        for pair in zip(lines, table.lines, strict=True)
    ]
    return HtmlPage(
        sanitize(told.title, 200),
        tuple(held(found)),
        tuple(_parts(found, told, rows)),
        tuple(told.footnotes),
        "" if found.lines else "Nothing could be compared; why is said below.",
    )


def _parts(found: RunComparison, told: Document, rows: Rows) -> Iterator[Section]:
    effects = {id(line): _effect(line, row) for line, row in rows}
    general = sequential()
    warnings = tuple(warning for warning in told.warnings if warning != general)
    said = [general] if len(warnings) < len(told.warnings) else []
    known = found.axis is not Axis.VARIANT and all(column.runs[-1].environment for column in found.columns)
    said += [_ALIKE] if known and not differences(found) else []
    yield Section(
        "glance", "At a glance", "told.html",
        PageHead(_counts(rows), warnings, tuple(said), _differing(found)),
        _headlines([effects[id(line)] for line, _ in rows if better(line.difference) is not None]),
    )  # fmt: skip
    if rows:
        yield Section("rows", "Every row", "table.html", _table(found, told, rows))
        claims = ([effects[id(line)] for line in lines] for lines in by_claim(found).values())
        if figures := on_two_scales(claims, "Claims that changed little", "Claims that changed much"):
            yield Section("changes", "Changes", "effects.html", _AXIS, tuple(figures))
    if found.incomparable:
        yield Section("apart", f"Cannot be compared ({len(found.incomparable)})", "apart.html", (_APART, _apart(told)))


_AXIS = (
    'Each line is the 95 % interval of the second against the first, with what the runs wandered; left of "equal" is '
    "less of the metric, and the grey band is the margin that counts as none. Hollow marks are not shown to differ."
)
_ALIKE = "What was recorded of the runs' environments is the same."
_APART = "These rows are in no count and no figure above."


def _counts(rows: Rows) -> tuple[tuple[str, int, str], ...]:
    words = Counter(word(line.difference) for line, _ in rows)
    return tuple((name, words[name], _tone_of(name, rows)) for name in WORDS if words[name])


def _tone_of(name: str, rows: Rows) -> str:
    """The tone of a verdict's word: that of its rows, none where some of them are better and others worse."""
    return common_tone(_tone(line) for line, _ in rows if word(line.difference) == name)


def _tone(line: ComparedCells) -> str:
    improved = better(line.difference)
    return _UNTOLD.get(word(line.difference), {True: GOOD, False: BAD, None: ""}[improved])


def _differing(found: RunComparison) -> Grid | None:
    rows = tuple((each.name, *each.values) for each in differences(found))
    labels = tuple(sanitize(column.label, 60) for column in found.columns)
    return Grid("In which the runs differ", ("", *labels), rows) if rows else None


def _headlines(effects: Sequence[Effect]) -> tuple[Figure, ...]:
    largest = sorted(effects, key=lambda effect: -abs(math.log(effect.ratio)) if drawable(effect.ratio) else -math.inf)
    drawn = forest("overview", "The largest differences", largest[:MOST_HEADLINES], _AXIS)
    return (drawn,) if drawn else ()


def _effect(line: ComparedCells, row: document.Row) -> Effect:
    difference = line.difference
    label = " ".join(filter(None, (line.claim, *_names(row), row.cells["metric"])))
    return Effect(
        label, difference.ratio, difference.low, difference.high, line.margin, _tone(line), word(difference),
        row.cells["change"], row.cells["interval"], row.cells["units"],
    )  # fmt: skip


def _names(row: document.Row) -> tuple[str, ...]:
    return row.cells["case"], row.cells["variant"], row.cells["against"]


def _table(found: RunComparison, told: Document, rows: Rows) -> FilteredTable:
    columns = (
        HtmlColumn("claim"), *(HtmlColumn(_LABELS[column.name], column.name in _NUMERIC) for column in _SHOWN)
    )  # fmt: skip
    cells = [_cells(line, row) for line, row in rows]
    kept, shown = without_empty(columns, cells)
    words = Counter(word(line.difference) for line, _ in rows)
    claims = Counter(sanitize(line.claim) for line, _ in rows)
    return FilteredTable(
        "Every row of this comparison",
        shown,
        tuple(
            OpenableRow(
                tuple(own[index] for index in kept),
                word(line.difference),
                sanitize(line.claim),
                _facts(found, told, line, row),
                (),
                " ".join(
                    (sanitize(line.claim), sanitize(line.case), *row.cells.values(), line.difference.reason)
                ).lower(),
            )
            for own, (line, row) in zip(cells, rows, strict=True)
        ),
        tuple(Choice(name, words[name], _tone_of(name, rows)) for name in WORDS if words[name]),
        tuple(Choice(claim, count) for claim, count in claims.items()),
        "claim",
    )


def _cells(line: ComparedCells, row: document.Row) -> tuple[HtmlCell, ...]:
    difference, own = line.difference, memory(line)
    change = math.log(difference.ratio) if drawable(difference.ratio) else None
    keys = {
        "verdict": WORDS.index(word(difference)), "change": change, "interval": difference.low,
        "levels": line.levels[1], "memory": own[2] - own[1] if own else None, "units": difference.counts[1],
    }  # fmt: skip
    tones = {"verdict": _tone(line), "change": _tone(line) if better(difference) is not None else ""}
    cells = (
        HtmlCell(
            row.cells[column.name], keys.get(column.name) if row.cells[column.name] else None,
            tones.get(column.name, ""), sign=column.name == "verdict",
            notes=row.notes if column.name == "verdict" else (),
        )
        for column in _SHOWN
    )  # fmt: skip
    return (HtmlCell(sanitize(line.claim)), *cells)


def _facts(found: RunComparison, told: Document, line: ComparedCells, row: document.Row) -> tuple[Facts, ...]:
    difference = line.difference
    pairs = [
        ("claim", sentence(found, line.claim)),
        ("case", sanitize(parameters(line.case))),
        ("metric", sanitize(metric(difference.metric).meaning)),
        ("verdict", ": ".join(filter(None, (word(difference), sanitize(difference.reason))))),
        *((_LABELS[name], row.cells[name]) for name in ("change", "interval", "levels", "effect", "claims", "memory")),
        ("invocations", row.cells["units"]),
        ("measured", "side by side, block by block" if difference.paired else "one after the other"),
    ]
    if difference.wandered >= _WORTH_TELLING and difference.differs is not Differs.TOO_FEW:
        pairs.append(("wandered", f"{difference.wandered:.1%} while a run was held; the interval holds it"))
    return found_facts(pairs, row.notes, told.footnotes)


def _apart(told: Document) -> Grid:
    table = told.tables[-1]
    shown = [column for column in table.columns if any(row.cells.get(column.name) for row in table.lines)]
    head = tuple(column.title or "against" for column in shown)
    return Grid(table.heading, head, tuple(tuple(row.cells[column.name] for column in shown) for row in table.lines))
