"""What a page is made of: parts in their order, each the name of a template and the data it shows. No HTML in here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

GOOD, BAD, SAME, OPEN, TROUBLE, DIM = "good", "bad", "same", "open", "trouble", "dim"
"""Tones: what a colour says again after words and a sign have said it."""

SIGNS = {GOOD: "\u2713", BAD: "\u2717", SAME: "\u2248", OPEN: "?", TROUBLE: "!", DIM: "\u2013", "": ""}
"""A sign for each tone, so that nothing is told by colour alone."""


@dataclass(frozen=True, slots=True)
class HtmlCell:
    """A cell in words; ``key`` is what it is sorted by where the words would mislead, ``notes`` numbers of footnotes.

    ``sign`` puts the tone's sign before the words.
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
class Facts:
    """Labels and what is said of each, under a title."""

    title: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A small table in words; the first column names its rows. ``links`` has an address for a row's last cell."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenableRow:
    """A row of the large table: its cells, what it is filtered by, and what is shown when it is opened.

    ``kind`` and ``group`` are names that `FilteredTable` lists; ``words`` is searched.
    """

    cells: tuple[HtmlCell, ...]
    kind: str
    group: str
    facts: tuple[Facts, ...] = ()
    grids: tuple[Grid, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to filter a table by: its name, the tone and sign it is shown with, how many rows it leaves."""

    name: str
    count: int
    tone: str = ""


@dataclass(frozen=True, slots=True)
class FilteredTable:
    """The large table: sorted, filtered, searched, its rows opened. Empty columns are left out before."""

    caption: str
    columns: tuple[HtmlColumn, ...]
    entries: tuple[OpenableRow, ...]
    kinds: tuple[Choice, ...]
    groups: tuple[Choice, ...]
    grouped_by: str


@dataclass(frozen=True, slots=True)
class PageHead:
    """The head of a page: verdicts' words with their counts and tones, warnings, what else is to be known, a table."""

    counts: tuple[tuple[str, int, str], ...]
    warnings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure drawn with Bokeh; ``description`` is what it shows, for readers who cannot see it.

    ``numbers`` are the values behind it, if no other table of the page has them. A ``zoomable`` figure gets a button
    that resets its zoom.
    """

    name: str
    title: str
    description: str
    drawing: LayoutDOM
    caption: str = ""
    numbers: Grid | None = None
    zoomable: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under its own heading: which template shows it, its data, its figures."""

    name: str
    title: str
    template: str
    data: Any = None
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A whole page. ``facts`` are the lines under its title, ``warning`` one that nobody should miss."""

    title: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Section, ...]
    footnotes: tuple[str, ...] = ()
    warning: str = ""
    source: str = ""
    figures: tuple[Figure, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", tuple(figure for part in self.parts for figure in part.figures))


def found_facts(pairs: Iterable[tuple[str, str]], notes: Iterable[int], footnotes: Sequence[str]) -> tuple[Facts, ...]:
    """What an opened row says: the pairs that have words, and the footnotes of these numbers, where there are any."""
    facts = [Facts("What was found", tuple((label, words) for label, words in pairs if words))]
    if told := tuple((str(number), footnotes[number - 1]) for number in notes):
        facts.append(Facts("To be borne in mind", told))
    return tuple(facts)


def common_tone(tones: Iterable[str]) -> str:
    """The one tone that all of these are; none where they differ."""
    different = set(tones)
    return different.pop() if len(different) == 1 else ""


def without_empty(
    columns: tuple[HtmlColumn, ...], rows: list[tuple[HtmlCell, ...]]
) -> tuple[list[int], tuple[HtmlColumn, ...]]:
    """Which columns have words in any row, and those columns."""
    kept = [index for index in range(len(columns)) if any(row[index].text for row in rows)]
    return kept, tuple(columns[index] for index in kept)
