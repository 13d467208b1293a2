"""A document as Markdown for a pull request. Whatever comes from a record stands in code, where it can do
nothing."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.document import Column, Document, Fact, Row, Table, Tone, marks
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

_LOUD = (Tone.GOOD, Tone.BAD, Tone.TROUBLE)


def markdown(document: Document, longest: int = LONGEST) -> str:
    """The page; ``longest`` is in bytes of UTF-8. Rows that do not fit are counted instead, the last ones
    first."""
    title = ": ".join(prose(part) for part in (document.title, document.outcome) if part)
    head = [f"## {title}", "", *(fenced(document.code) if document.code else []), *_facts(document.facts)]
    head += [f"> {warning}\n" for warning in map(prose, document.warnings)]
    tail = [f"\\[{number}\\] {prose(note)}  " for number, note in enumerate(document.footnotes, 1)]
    if document.details:
        tail += ["", *folded("Details", _facts(document.details))]
    tail += ["", *(f"{prose(each.strip())}  " for each in document.closing)]
    room = longest - size([*head, *tail]) - _ALLOWANCE
    body: list[str] = []
    for table in document.tables:
        part, room = _table(table, room)
        body += part
    return "\n".join([*head, *body, *tail]).rstrip() + "\n"


_ALLOWANCE = 1000
"""Bytes for the counts of rows left out."""


def _facts(facts: Sequence[Fact]) -> list[str]:
    return listed([f"{label}: {prose(text)}" for label, text in facts])


def _table(table: Table, room: int) -> tuple[list[str], int]:
    """The part of the page with this table, as far as there is room, and the room that is left."""
    shown = table.shown
    noted = any(row.notes for row in table.lines)
    titles = [f"{column.title} {_references(column.notes)}".strip() for column in shown]
    lines = [part for text in (table.below, table.why) if text for part in (prose(text), "")]
    lines += [line([*titles, *([""] if noted else [])])]
    lines.append(line(["---"] * (len(shown) + noted)))
    heading = f"{table.heading} {code(table.foreign)}".strip()
    room -= size([*_headed(heading, lines, folded_=table.folded)])
    for count, row in enumerate(table.lines):
        cells = [_cell(row, column) for column in shown]
        written = line([*cells, *([_references(row.notes)] if noted else [])])
        room -= size([written])
        if room < 0:
            lines += ["", left_out(len(table.lines) - count)]
            break
        lines.append(written)
    return _headed(heading, [*lines, ""], folded_=table.folded), max(0, room)


def _headed(heading: str, lines: Sequence[str], *, folded_: bool) -> list[str]:
    return folded(heading, lines) if folded_ else [*([f"### {heading}", ""] if heading else []), *lines]


def _cell(row: Row, column: Column) -> str:
    words = row.cells.get(column.name, "")
    if column.verdict and row.tones.get(column.name) in _LOUD:
        return f"**{words}**"
    if column.foreign:
        return code(words)
    return prose(words) if column.prose else words


def _references(notes: Sequence[int]) -> str:
    return marks(notes).replace("[", "\\[")
