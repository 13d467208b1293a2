"""Which columns of a table stand beside each other on a terminal; the rest goes below each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.report.document import Column, Table, marks

GAP = 2
"""Blanks between two columns."""

NARROWEST_NAME = 8
NARROWEST_PROSE = 30

NOTES = Column("\0notes", "", rank=4)
"""The references of rows to footnotes, as a column."""


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """Columns of which cells head rows, those beside each other with their widths, and those below each
    row."""

    above: tuple[Column, ...]
    inline: Mapping[Column, int]
    below: tuple[Column, ...]


def titled(column: Column) -> str:
    """A column's title with its references to footnotes."""
    return f"{column.title} {marks(column.notes)}".strip()


def fit(table: Table, available: int) -> ColumnLayout:
    """The layout of a table in ``available`` characters; columns that are empty everywhere are left out.

    Names yield to each other first. Of the columns with a rank, the smallest first, each that still fits
    stays on the line; prose gets what is left, if that is enough for a few words.
    """
    shown = table.shown
    above = tuple(column for column in shown if column.above)
    prose = [column for column in shown if column.prose]
    others = [column for column in shown if not (column.above or column.prose)]
    widths = {
        column: max(len(titled(column)), *(len(row.cells.get(column.name, "")) for row in table.lines))
        for column in others
    }
    if noted := max((len(marks(row.notes)) for row in table.lines), default=0):
        widths[NOTES] = noted
    always = [column for column in others if not column.rank]
    names = [column for column in always if column.foreign]
    for name in names:
        widths[name] = min(widths[name], max(14, available // 4))
    over = _total(always, widths) - available
    for name in names:
        cut = min(max(0, over), max(0, widths[name] - NARROWEST_NAME))
        widths[name] -= cut
        over -= cut
    chosen = list(always)
    for column in sorted((column for column in widths if column.rank), key=lambda column: column.rank):
        if _total([*chosen, column], widths) <= available:
            chosen.append(column)
    inline = {column: width for column, width in widths.items() if column in chosen}
    left = available - sum(width + GAP for width in inline.values())
    for column in prose[:1]:
        if left >= min(NARROWEST_PROSE, max(len(row.cells.get(column.name, "")) for row in table.lines)):
            inline[column] = max(left, len(column.title))
    return ColumnLayout(
        above,
        inline,
        tuple(column for column in (*widths, *prose) if column not in inline and not column.cut),
    )


def _total(columns: Iterable[Column], widths: Mapping[Column, int]) -> int:
    return sum(widths[column] + GAP for column in columns) - GAP
