"""A document as Markdown for a pull request. Whatever comes from a record stands in code, where it can do
nothing."""

from __future__ import annotations

from harness.report.document import Document, Table, marks
from harness.report.render.markdown_escape import (
    LONGEST,
    code,
    fenced,
    folded,
    left_out,
    line,
    listed,
    prose,
    size,
)


def markdown(document: Document, longest: int = LONGEST) -> str:
    """The page; ``longest`` is in bytes of UTF-8. Rows that do not fit are counted instead, the last ones
    first."""
    head = [
        f"## {prose(document.title)}",
        "",
        *(fenced(document.code) if document.code else []),
        *listed([f"{label}: {prose(text)}" for label, text in document.facts]),
    ]
    head += [f"> {warning}\n" for warning in map(prose, document.warnings)]
    tail = [f"\\[{number}\\] {prose(note)}  " for number, note in enumerate(document.footnotes, 1)]
    tail += ["", prose(document.closing)] if document.closing else []
    room = longest - size([*head, *tail]) - _ALLOWANCE
    body: list[str] = []
    for table in document.tables:
        lines, room = _table(table, room)
        heading = f"{table.heading} {code(table.foreign)}".strip()
        shown_lines = [*([prose(table.below), ""] if table.below else []), *lines, ""]
        body += folded(heading, shown_lines) if table.folded else [f"### {heading}", "", *shown_lines]
    return "\n".join([*head, *body, *tail]).rstrip() + "\n"


_ALLOWANCE = 4000
"""Bytes for headings, blank lines and the count of rows left out."""


def _table(table: Table, room: int) -> tuple[list[str], int]:
    shown = [column for column in table.columns if any(row.cells.get(column.name) for row in table.lines)]
    noted = any(row.notes for row in table.lines)
    lines = [line([*(column.title for column in shown), *([""] if noted else [])])]
    lines.append(line(["---"] * (len(shown) + noted)))
    room -= size(lines)
    for count, row in enumerate(table.lines):
        pairs = [(column, row.cells.get(column.name, "")) for column in shown]
        cells = [code(text) if column.foreign else text for column, text in pairs]
        written = line([*cells, *([marks(row.notes).replace("[", "\\[")] if noted else [])])
        room -= size([written])
        if room < 0:
            lines += ["", left_out(len(table.lines) - count)]
            break
        lines.append(written)
    return lines, max(0, room)
