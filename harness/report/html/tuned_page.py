"""The page of a tuning: the answer and its code, where the loop's time goes, and every setting that ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.model import Ranked, Tuned
from harness.plural import counted
from harness.report.builders.tuning import (
    SETTINGS,
    STANDINGS,
    kinds_table,
    loop_table,
    out_table,
    settings_table,
    standing,
    tuning_document,
)
from harness.report.document import Document, Row, Table
from harness.report.figures.curves import tuned_curves
from harness.report.format import sanitize
from harness.report.header import machine_lines
from harness.report.html.parts import (
    Figures,
    FilteredTable,
    Grid,
    Grids,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    Pairs,
    Section,
    filtered_table,
    verdict_cell,
    with_text,
)
from harness.report.html.run_page import machine_section

_TEXTS = frozenset({"kind", "pinned"})
_SHOWN = tuple(column for column in SETTINGS if column.name != "standing")
_TITLES = (HtmlColumn("standing"), *(HtmlColumn(each.title, each.name not in _TEXTS) for each in _SHOWN))


@dataclass(frozen=True, slots=True)
class Answer:
    """The best setting, what is known of it, its code, and small tables; ``tone`` is how it is shown."""

    TEMPLATE: ClassVar[str] = "answer.html"
    best: str
    tone: str
    facts: Pairs
    code: str = ""
    grids: tuple[Grid, ...] = ()


def tuned_page(tuned: Tuned, environment: Mapping[str, object], resolution: str, name: str = "") -> HtmlPage:
    """The page of a tuning, with the texts of its document."""
    document = tuning_document(tuned)
    return HtmlPage(
        f"Tuning {sanitize(name, 80)}".strip(),
        with_text(("loaders", f"on {counted(tuned.cores, 'core')}"), *machine_lines(environment)),
        tuple(_sections(tuned, document, environment, resolution)),
        tuple(document.warnings),
        "" if tuned.answer is not None else "No setting was measured; the reasons are below.",
        sanitize(name, 200),
    )


def _sections(
    tuned: Tuned, document: Document, environment: Mapping[str, object], resolution: str
) -> Iterator[Section]:
    if tuned.answer is not None:
        yield Section("answer", "Answer", _answer(tuned, document))
    if tuned.ranked:
        settings = settings_table(tuned)
        yield Section("settings", settings.heading, _filtered(tuned, settings))
    if figures := tuned_curves(tuned):
        yield Section("curves", "Loaders by workers", Figures(), tuple(figures))
    if (out := out_table(tuned)).lines:
        yield Section("out", out.heading, Grids((_grid(out),), titled=False))
    yield machine_section(environment, resolution)


def _answer(tuned: Tuned, document: Document) -> Answer:
    facts = (*document.facts, *(("next", line) for line in document.closing))
    grids = tuple(_grid(table) for table in (loop_table(tuned), kinds_table(tuned)) if table.lines)
    return Answer(document.title, document.tone.value, facts, document.code, grids)


def _grid(table: Table) -> Grid:
    rows = (tuple(row.cells.get(column.name, "") for column in table.shown) for row in table.lines)
    return Grid(table.heading, tuple(column.title for column in table.shown), tuple(rows))


def _filtered(tuned: Tuned, table: Table) -> FilteredTable:
    rows = [_row(tuned, *pair) for pair in zip(tuned.ranked, table.lines, strict=True)]
    standings = dict.fromkeys(row.verdict for row in rows)
    return filtered_table("Every setting that ran", _TITLES, rows, standings, "kind")


def _row(tuned: Tuned, ranked: Ranked, row: Row) -> OpenableRow:
    setting, readings = ranked.setting, ranked.readings
    found = standing(ranked, tuned)
    tone = STANDINGS[found].value
    keys = {
        "workers": setting.workers, "ahead": setting.prefetch, "batch": setting.batch_size,
        "rate": 1 / ranked.seconds if ranked.seconds else None, "slower": ranked.ratio, "interval": ranked.low,
        "wait": readings.get("wait_p99_seconds"), "cores": ranked.ceiling,
        "memory": readings.get("pss_bytes"), "repetitions": ranked.samples,
    }  # fmt: skip
    return OpenableRow(
        (
            verdict_cell(found, tuple(STANDINGS), tone),
            *(HtmlCell(row.cells[column.name], keys.get(column.name)) for column in _SHOWN),
        ),
        found,
        tone,
        sanitize(setting.kind, 80),
        (("setting", sanitize(setting.name)),),
    )
