"""The page of a trend: what changed and when, every course, and its levels over the runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.judge.change import FEWEST
from harness.model import Trend, metric
from harness.plural import counted
from harness.report import document
from harness.report.document import Document
from harness.report.figures.trends import trend_figures
from harness.report.format import sanitize
from harness.report.html.parts import (
    BAD,
    DIM,
    GOOD,
    OPEN,
    Choice,
    Facts,
    Figure,
    FilteredTable,
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
from harness.report.trending.content import COLUMNS, HOW, TrendRun, better, grouped

Rows = Sequence[tuple[Trend, document.Row]]
"""Courses beside their words."""

MOST_OPEN = 12
"""Figures drawn at once; the others wait in their list until they are opened."""

_STEADY, _SHORT = "no change shown", "too few runs"
_SHOWN = tuple(column for column in COLUMNS if column.name != "course")
_NUMERIC = frozenset({"level", "interval", "runs"})


@dataclass(frozen=True, slots=True)
class DrawnFigures:
    """How many of a part's figures are drawn at once, and what is said of those that are not in it."""

    open: int
    said: str


def trend_page(courses: Sequence[Trend], runs: Sequence[TrendRun], told: Document, *, effects: bool) -> HtmlPage:
    """What there is to show of a trend, in the words of its paper."""
    rows = [
        pair
        for group, table in zip(grouped(courses).values(), told.tables, strict=True)
        for pair in zip(group, table.lines, strict=True)
    ]
    return HtmlPage(
        sanitize(told.title, 200),
        tuple(told.facts),
        tuple(_parts(rows, runs, told, effects=effects)),
        tuple(told.footnotes),
    )


def _parts(rows: Rows, runs: Sequence[TrendRun], told: Document, *, effects: bool) -> Iterator[Section]:
    kinds = Counter(_kind(course) for course, _ in rows)
    counts = tuple((name, kinds[name], _tone_of(name, rows)) for name in _KINDS if kinds[name])
    yield Section("glance", "At a glance", "told.html", PageHead(counts, tuple(told.warnings), (HOW,)))
    yield Section("courses", "Every course", "table.html", _table(rows, told))
    figures = trend_figures([course for course, _ in rows], runs, effects=effects)
    yield Section("levels", "Over the runs", "courses.html", _drawn(rows, figures), tuple(figures))


def _drawn(rows: Rows, figures: Sequence[Figure]) -> DrawnFigures:
    cases = {(course.case, course.metric): False for course, _ in rows}
    for course, _ in rows:
        cases[course.case, course.metric] |= len(course.stretches) > 1
    left = len(cases) - len(figures)
    said = f"{counted(left, 'case')} more are in the table alone: this page would be too long." if left else ""
    changed = sum(cases.values())
    return DrawnFigures(min(MOST_OPEN, changed or 1, len(figures)), said)


_KINDS = ("slower", "more", "faster", "less", _STEADY, _SHORT)


def _kind(course: Trend) -> str:
    if len(course.stretches) > 1:
        before, after = course.stretches[-2:]
        up, down = ("slower", "faster") if metric(course.metric).unit == "s" else ("more", "less")
        return up if after.level > before.level else down
    return _STEADY if sum(level is not None for level in course.levels) >= FEWEST else _SHORT


def _tone(course: Trend) -> str:
    return {_STEADY: DIM, _SHORT: OPEN}.get(_kind(course), {True: GOOD, False: BAD, None: ""}[better(course)])


def _tone_of(name: str, rows: Rows) -> str:
    return common_tone(_tone(course) for course, _ in rows if _kind(course) == name)


def _table(rows: Rows, told: Document) -> FilteredTable:
    columns = (
        *(HtmlColumn(column.title, column.name in _NUMERIC) for column in _SHOWN[:1]),
        HtmlColumn("verdict"),
        *(HtmlColumn(column.title, column.name in _NUMERIC) for column in _SHOWN[1:]),
    )
    cells = [_cells(course, row) for course, row in rows]
    kept, shown = without_empty(columns, cells)
    kinds = Counter(_kind(course) for course, _ in rows)
    claims = [(claim, sum(1 for _ in own)) for claim, own in groupby(sorted(sanitize(c.claim) for c, _ in rows))]
    return FilteredTable(
        "Every course of this trend",
        shown,
        tuple(
            OpenableRow(
                tuple(own[index] for index in kept),
                _kind(course),
                sanitize(course.claim),
                _facts(course, row, told),
                (),
                " ".join((sanitize(course.case), _kind(course), *(row.cells[each.name] for each in _SHOWN))).lower(),
            )
            for own, (course, row) in zip(cells, rows, strict=True)
        ),
        tuple(Choice(name, kinds[name], _tone_of(name, rows)) for name in _KINDS if kinds[name]),
        tuple(Choice(claim, count) for claim, count in claims),
        "claim",
    )


def _cells(course: Trend, row: document.Row) -> tuple[HtmlCell, ...]:
    now = course.stretches[-1]
    keys: dict[str, float | None] = {"level": now.level, "interval": now.low, "runs": float(row.cells["runs"])}
    if len(course.stretches) > 1:
        keys["changed"] = math.log(now.level / course.stretches[-2].level)
    cells = [
        HtmlCell(
            row.cells[column.name], keys.get(column.name), _tone(course) if column.name == "changed" else "",
            notes=row.notes if column.name == "runs" else (),
        )
        for column in _SHOWN
    ]  # fmt: skip
    kind = _kind(course)
    return (cells[0], HtmlCell(kind, _KINDS.index(kind), _tone(course), sign=True), *cells[1:])


def _facts(course: Trend, row: document.Row, told: Document) -> tuple[Facts, ...]:
    pairs = [
        ("case", row.cells["case"]),
        ("metric", sanitize(metric(course.metric).meaning)),
        ("changed", row.cells["changed"]),
        ("level now", row.cells["level"]),
        ("95 % interval", row.cells["interval"]),
        ("runs", row.cells["runs"]),
        ("p of a change", f"{course.p:.2g}" if 0 <= course.p < 1 else ""),
    ]
    return found_facts(pairs, row.notes, told.footnotes)
