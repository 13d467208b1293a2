"""The page of a trend: what changed and when, every case, and its levels over the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.judge.change import FEWEST
from harness.model import Trend, metric
from harness.plural import counted
from harness.report.builders.trend import COLUMNS, HOW, TrendRun, better, grouped
from harness.report.document import IMPROVED, Document, Row, Tone
from harness.report.figures.trends import trend_figures
from harness.report.format import sanitize
from harness.report.html.parts import (
    Figures,
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

MOST_OPEN = 12
"""Figures drawn at once; the others are drawn when they are opened."""

_STEADY, _SHORT = "no change shown", "too few runs"
_VERDICTS = ("slower", "more", "faster", "less", _STEADY, _SHORT)
_SHOWN = tuple(column for column in COLUMNS if column.name != "course")
_NUMERIC = frozenset({"level", "interval", "runs"})
_TITLES = tuple(HtmlColumn(column.title, column.name in _NUMERIC) for column in _SHOWN)


def trend_page(
    trends: Sequence[Trend], runs: Sequence[TrendRun], document: Document, *, effects: bool
) -> HtmlPage:
    """The page of a trend, with the texts of its document."""
    pairs = [
        pair
        for group, table in zip(grouped(trends).values(), document.tables, strict=True)
        for pair in zip(group, table.lines, strict=True)
    ]
    return HtmlPage(
        sanitize(document.title, 200),
        tuple(document.facts),
        tuple(
            _sections(
                [trend for trend, _ in pairs],
                [_row(*pair) for pair in pairs],
                runs,
                document,
                effects=effects,
            )
        ),
        tuple(document.footnotes),
    )


def _sections(
    trends: Sequence[Trend],
    rows: Sequence[OpenableRow],
    runs: Sequence[TrendRun],
    document: Document,
    *,
    effects: bool,
) -> Iterator[Section]:
    yield Section(
        "glance", "At a glance", PageHead(counts(rows, _VERDICTS), tuple(document.warnings), (HOW,))
    )
    columns = (_TITLES[0], HtmlColumn("verdict"), *_TITLES[1:])
    yield Section(
        "trends", "Every case", filtered_table("Every case of this trend", columns, rows, _VERDICTS)
    )
    figures = trend_figures(trends, runs, effects=effects)
    cases = {(trend.case, trend.metric) for trend in trends}
    changed = {(trend.case, trend.metric) for trend in trends if len(trend.stretches) > 1}
    left = len(cases) - len(figures)
    remark = (
        f"{counted(left, 'case')} more are in the table alone: this page would be too long." if left else ""
    )
    drawn = min(MOST_OPEN, len(changed) or 1, len(figures))
    yield Section("levels", "Over the runs", Figures(drawn, remark), tuple(figures), _LEVELS)


_LEVELS = (
    "Points are runs, oldest first; a line is the level between two changes, the band its 95 % interval. Each panel "
    "has a scale of its own."
)


def _verdict(trend: Trend) -> str:
    if len(trend.stretches) > 1:
        before, after = trend.stretches[-2:]
        up, down = ("slower", "faster") if metric(trend.metric).unit == "s" else ("more", "less")
        return up if after.level > before.level else down
    return _STEADY if sum(level is not None for level in trend.levels) >= FEWEST else _SHORT


def _row(trend: Trend, row: Row) -> OpenableRow:
    verdict = _verdict(trend)
    tone = {_STEADY: Tone.DIM, _SHORT: Tone.OPEN}.get(verdict, IMPROVED[better(trend)])
    now, cells = trend.stretches[-1], row.cells
    keys = {"level": now.level, "interval": now.low, "runs": float(cells["runs"])}
    if len(trend.stretches) > 1:
        keys["changed"] = math.log(now.level / trend.stretches[-2].level)
    shown = [
        HtmlCell(
            cells[column.name], keys.get(column.name), tone if column.name == "changed" else "",
            notes=row.notes if column.name == "runs" else (),
        )
        for column in _SHOWN
    ]  # fmt: skip
    details = with_text(
        ("case", sanitize(trend.case)),
        ("metric", sanitize(metric(trend.metric).meaning)),
        ("changed", cells["changed"]),
        ("level now", cells["level"]),
        ("95 % interval", cells["interval"]),
        ("runs", cells["runs"]),
        ("p of a change", f"{trend.p:.2g}" if 0 <= trend.p < 1 else ""),
    )
    return OpenableRow(
        (shown[0], verdict_cell(verdict, _VERDICTS, tone), *shown[1:]),
        verdict, tone, sanitize(trend.claim), details, tuple(row.notes),
    )  # fmt: skip
