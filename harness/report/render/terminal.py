"""A document on the terminal: readable at 80 columns and more, in colour or without, and in a pipe.

Whatever comes from a record is printed as plain text. Columns that do not fit beside each other move to a
line of their own below the row, so that nothing is cut off. The outcome comes last, where a terminal ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.report.document import Column, Document, Fact, Row, Table, Tone, marks
from harness.report.render.columns import GAP, NARROWEST_PROSE, NOTES, ColumnLayout, fit, titled
from harness.report.render.console import ConsolePage, grid

STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "bold green",
    Tone.SAME: "cyan",
    Tone.BAD: "bold red",
    Tone.OPEN: "yellow",
    Tone.TROUBLE: "bold magenta",
    Tone.DIM: "dim",
}
"""Colours repeat what the words state; nothing is shown by colour alone."""

INDENT = 2
CODE_INDENT = 4


def show_document(document: Document, console: Console) -> None:
    """Print a document."""
    page = _DocumentPrinter(console)
    page.print(page.text(document.title, "bold" if document.outcome else f"bold {STYLES[document.tone]}"))
    if document.code:
        page.print("")
        page.print(page.text(document.code), indent=CODE_INDENT)
        page.print("")
    page.facts(document.facts)
    for warning in document.warnings:
        page.print(page.text(warning, "yellow"))
    for table in document.tables:
        page.table(table)
    if document.footnotes:
        page.print("")
        page.facts([(f"[{number}]", note) for number, note in enumerate(document.footnotes, 1)])
    if document.details:
        page.print("")
        page.facts(document.details)
    if document.outcome:
        page.print("")
        page.unbroken(document.outcome, STYLES[document.tone] or "bold")
    elif document.closing:
        page.print("")
    for line in document.closing:
        page.unbroken(line)


class _DocumentPrinter(ConsolePage):
    """The parts of a document."""

    def facts(self, facts: Sequence[Fact]) -> None:
        """Labels and lines; a label that repeats the one before is left out."""
        if not facts:
            return
        lines = grid(2)
        before = ""
        for label, line in facts:
            lines.add_row(self.text("" if label == before else label, "dim"), self.text(line))
            before = label
        self.print(lines)

    def unbroken(self, words: str, style: str = "") -> None:
        """One line however long: a command that is broken over lines cannot be copied."""
        self._console.print(self.text(words, style), highlight=False, soft_wrap=True)

    def table(self, table: Table) -> None:
        """A heading, what explains it, titles and rows."""
        parts = [self.text(part, "bold") for part in (table.heading, table.foreign) if part]
        self.print("", *([Text("  ").join(parts)] if parts else []))
        for text in filter(None, (table.below, table.why)):
            self.print(self.text(text, "dim"), indent=INDENT)
        layout = fit(table, self.width - INDENT)
        titles = [self.text(titled(column), "dim") for column in layout.inline]
        if any(titles) and not all(column.prose for column in layout.inline):
            self.beside(list(layout.inline.values()), titles, INDENT)
        before = [""] * len(layout.above)
        for row in table.lines:
            heads = [row.cells.get(column.name, "") for column in layout.above]
            if heads != before:
                self.print(Text("  ").join(self.text(head, "bold blue") for head in heads if head))
                before = heads
            self._row(row, layout)

    def _row(self, row: Row, layout: ColumnLayout) -> None:
        widths = list(layout.inline.values())
        cells = [self._cell(row, column, width) for column, width in layout.inline.items()]
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        below = [column for column in layout.below if self._words(row, column)]
        if below and below[-1].prose and len(cells) < len(widths):
            # a row without numbers: its reason stands where they would
            words = self._cell(row, below[-1])
            room = self.width - INDENT - sum(width + GAP for width in widths[: len(cells)])
            if room >= min(NARROWEST_PROSE, len(words)):
                widths[len(cells) :] = [room]
                cells.append(words)
                below.pop()
        self.beside(widths[: len(cells)], cells, INDENT)
        labelled = [
            f"{titled(column)}: {self._words(row, column)}" if column.title else self._words(row, column)
            for column in below
            if not column.prose
        ]
        if labelled:
            self.print(self.text(", ".join(labelled), "dim"), indent=INDENT + 2)
        for column in below:
            if column.prose:
                self.print(self._cell(row, column), indent=INDENT + 2)

    def _words(self, row: Row, column: Column) -> str:
        return marks(row.notes) if column is NOTES else row.cells.get(column.name, "")

    def _cell(self, row: Row, column: Column, width: int = 0) -> Text:
        if column is NOTES:
            return self.text(marks(row.notes), "dim")
        words = self._words(row, column)
        if column.cut and len(words) > width:
            words = f"{words[: width - 3].rpartition(' ')[0]}..."
        return self.text(words, STYLES[row.tones.get(column.name, Tone.PLAIN)])
