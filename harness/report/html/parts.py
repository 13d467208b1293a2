"""What a page is made of: sections in their order, each with its content and figures. The templates make HTML
of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.report.document import Tone

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

SIGNS = {
    Tone.GOOD: "\u2713",
    Tone.BAD: "\u2717",
    Tone.SAME: "\u2248",
    Tone.OPEN: "?",
    Tone.TROUBLE: "!",
    Tone.DIM: "\u2013",
    Tone.PLAIN: "",
}
"""A sign for each tone, so that nothing depends on colour alone."""

Pairs = tuple[tuple[str, str], ...]
"""Labels, each with its text."""


class Content(Protocol):
    """What a section shows; ``TEMPLATE`` is the template that shows it."""

    TEMPLATE: ClassVar[str]


@dataclass(frozen=True, slots=True)
class HtmlCell:
    """A cell's text; ``key`` is what it is sorted by instead, ``notes`` are numbers of footnotes.

    ``sign`` puts the tone's sign before the text.
    """

    text: str = ""
    key: float | str | None = None
    tone: str = ""
    sign: bool = False
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HtmlColumn:
    """A column's title; ``numeric`` ones are set flush right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A small table of text; its first column names the rows. ``links`` are addresses of the last column's
    cells.

    A ``folded`` grid is shown when its title is clicked.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    links: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Grids:
    """Small tables below each other, ``titled`` unless the section's title is enough."""

    TEMPLATE: ClassVar[str] = "grids.html"
    grids: tuple[Grid, ...]
    titled: bool = True


@dataclass(frozen=True, slots=True)
class OpenableRow:
    """A row of the large table, and what it shows when it is opened.

    ``verdict`` and ``group`` are what the table is filtered by. ``details`` are in the page's text: they can
    be searched and printed. Footnotes, ``background`` (what all rows of the group share) and small tables are
    packed, and unpacked for a row that is opened.
    """

    cells: tuple[HtmlCell, ...]
    verdict: str
    tone: str
    group: str
    details: Pairs
    notes: tuple[int, ...] = ()
    grids: tuple[Grid, ...] = ()
    background: Pairs = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A value to filter a table by, its tone, and how many rows have it."""

    name: str
    count: int
    tone: str = ""


@dataclass(frozen=True, slots=True)
class FilteredTable:
    """The large table: sorted, filtered, searched, its rows opened. `filtered_table` makes one."""

    TEMPLATE: ClassVar[str] = "table.html"
    caption: str
    columns: tuple[HtmlColumn, ...]
    rows: tuple[OpenableRow, ...]
    verdicts: tuple[Choice, ...]
    groups: tuple[Choice, ...]
    grouped_by: str
    below: Grid | None = None


@dataclass(frozen=True, slots=True)
class PageHead:
    """The head of a comparison or a trend: counts of verdicts with their tones, warnings, remarks, small
    tables."""

    TEMPLATE: ClassVar[str] = "head.html"
    counts: tuple[Choice, ...]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure drawn with Bokeh; ``description`` is what it shows, for readers who cannot see it.

    ``numbers`` are the values behind it, if no other table of the page has them. A ``zoomable`` figure gets a
    button that resets its zoom.
    """

    name: str
    title: str
    description: str
    drawing: LayoutDOM
    caption: str = ""
    numbers: Grid | None = None
    zoomable: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """A section of figures alone: how many are drawn at once (the others when they are opened), and a remark
    below."""

    TEMPLATE: ClassVar[str] = "figures.html"
    drawn: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under its own heading: an introductory sentence, its content, its figures."""

    name: str
    title: str
    content: Content
    figures: tuple[Figure, ...] = ()
    intro: str = ""


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A whole page: a title, lines of facts, a prominent warning, sections, footnotes, and what it was made
    from."""

    title: str
    facts: Pairs
    sections: tuple[Section, ...]
    footnotes: tuple[str, ...] = ()
    warning: str = ""
    source: str = ""
    figures: tuple[Figure, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "figures", tuple(figure for each in self.sections for figure in each.figures)
        )


def verdict_cell(verdict: str, order: Sequence[str], tone: str, notes: tuple[int, ...] = ()) -> HtmlCell:
    """The cell of a verdict, sorted by its place in ``order``."""
    return HtmlCell(verdict, list(order).index(verdict), tone, sign=True, notes=notes)


def counts(rows: Iterable[OpenableRow], order: Iterable[str]) -> tuple[Choice, ...]:
    """How many rows have each verdict, in this order; its tone is that of its rows, or none if they
    differ."""
    tones: dict[str, list[str]] = {}
    for row in rows:
        tones.setdefault(row.verdict, []).append(row.tone)
    return tuple(
        Choice(name, len(own), own[0] if len(set(own)) == 1 else "")
        for name in order
        if (own := tones.get(name))
    )


def filtered_table(
    caption: str,
    columns: Sequence[HtmlColumn],
    rows: Sequence[OpenableRow],
    order: Iterable[str],
    grouped_by: str = "claim",
    below: Grid | None = None,
) -> FilteredTable:
    """The large table of these rows, without its empty columns; ``order`` is that of the verdicts, ``below``
    a small table."""
    kept = [index for index in range(len(columns)) if any(row.cells[index].text for row in rows)]
    return FilteredTable(
        caption,
        tuple(columns[index] for index in kept),
        tuple(replace(row, cells=tuple(row.cells[index] for index in kept)) for row in rows),
        counts(rows, order),
        tuple(Choice(name, count) for name, count in Counter(row.group for row in rows).items()),
        grouped_by,
        below,
    )


def with_text(*pairs: tuple[str, str]) -> Pairs:
    """The pairs that have a text."""
    return tuple(pair for pair in pairs if pair[1])
