"""A document on the terminal: readable at 80 columns and more, in colour or without, and in a pipe.

Columns that do not fit beside each other move to a line of their own below the row, so that nothing is cut
off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from harness.report.document import Column, Document, Row, Table, Tone, marks
from harness.report.render.columns import GAP
from harness.report.render.console import ConsolePage, grid

STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.SAME: "cyan",
    Tone.BAD: "red",
    Tone.OPEN: "yellow",
    Tone.QUIET: "dim",
}

INDENT = 2
CODE_INDENT = 4
NARROWEST = 8


def show_document(document: Document, console: Console) -> None:
    """Print a document."""
    page = _DocumentPrinter(console)
    page.print(page.text(document.title, f"bold {STYLES[document.tone]}".rstrip()))
    if document.code:
        page.print("")
        page.print(page.text(document.code), indent=CODE_INDENT)
        page.print("")
    if document.facts:
        facts = grid(2)
        for label, line in document.facts:
            facts.add_row(page.text(label, "dim"), page.text(line))
        page.print(facts)
    for warning in document.warnings:
        page.print(page.text(warning, "yellow"))
    for table in document.tables:
        page.table(table)
    if document.footnotes:
        notes = grid(2)
        for number, note in enumerate(document.footnotes, 1):
            notes.add_row(page.text(f"[{number}]", "dim"), page.text(note, "dim"))
        page.print("", notes)
    if document.closing:
        page.print("", page.text(document.closing, "bold"))


class _DocumentPrinter(ConsolePage):
    """The parts of a document."""

    def table(self, table: Table) -> None:
        heading = Text("  ").join(
            part for part in (self.text(table.heading, "bold"), self.text(table.foreign, "bold")) if part
        )
        self.print("", heading)
        if table.below:
            self.print(self.text(table.below, "dim"), indent=INDENT)
        inline, below = fit(table, self.width - INDENT)
        titles = [self.text(column.title, "dim") for column in table.columns if column.name in inline]
        if any(titles):
            self.beside(list(inline.values()), titles, INDENT)
        for line in table.lines:
            self._line(line, inline, below)

    def _line(self, line: Row, inline: Mapping[str, int], below: Sequence[Column]) -> None:
        self.beside(list(inline.values()), [self._cell(line, name) for name in inline], INDENT)
        under = [
            f"{column.title}: {line.cells[column.name]}" if column.title else line.cells[column.name]
            for column in below
            if line.cells.get(column.name)
        ]
        if _NOTES not in inline and line.notes:
            under.append(marks(line.notes))
        if under:
            self.print(self.text(", ".join(under), "dim"), indent=INDENT + 2)

    def _cell(self, line: Row, name: str) -> Text:
        if name == _NOTES:
            return self.text(marks(line.notes), "dim")
        return self.text(line.cells.get(name, ""), STYLES[line.tones.get(name, Tone.PLAIN)])


_NOTES = "\0notes"


def fit(table: Table, available: int) -> tuple[dict[str, int], list[Column]]:
    """The widths of the columns beside each other, and the columns that go below each row; empty ones are
    left out."""
    widths: dict[str, int] = {}
    for column in table.columns:
        widest = max((len(line.cells.get(column.name, "")) for line in table.lines), default=0)
        if widest:
            widths[column.name] = max(widest, len(column.title))
    kept = [column for column in table.columns if column.name in widths]
    foreign = [column for column in kept if column.foreign and column.rank == 0]
    for column in foreign:
        widths[column.name] = min(widths[column.name], max(14, available // 4))
    noted = max((len(marks(line.notes)) for line in table.lines), default=0)
    below: list[Column] = []
    while _total(kept, widths) > available and any(column.rank for column in kept):
        dearest = max(kept, key=lambda column: column.rank)
        kept.remove(dearest)
        below.append(dearest)
    over = _total(kept, widths) - available
    for column in foreign:
        cut = min(max(0, over), max(0, widths[column.name] - NARROWEST))
        widths[column.name] -= cut
        over -= cut
    inline = {column.name: widths[column.name] for column in kept}
    if noted and _total(kept, widths) + GAP + noted <= available:
        inline[_NOTES] = noted
    return inline, [column for column in table.columns if column in below]


def _total(columns: Sequence[Column], widths: Mapping[str, int]) -> int:
    return sum(widths[column.name] + GAP for column in columns) - GAP
