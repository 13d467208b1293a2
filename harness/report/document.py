"""A report as plain parts: headed tables of cells, lines above and notes below, before it has a form.

Comparisons, trends and lists are documents; `render` writes any of them in each form, so that all say the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Tone(Enum):
    """What a cell's colour repeats; its words state it already."""

    PLAIN = "plain"
    GOOD = "good"
    SAME = "same"
    BAD = "bad"
    OPEN = "open"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the name its cells go by, its title, whether it is foreign text.

    ``rank`` says which columns leave first where room is short: the largest; 0 never does.
    """

    name: str
    title: str
    foreign: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its cells by their columns' names, tones by the same names, numbers of footnotes."""

    cells: Mapping[str, str]
    tones: Mapping[str, Tone]
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Lines under a heading; ``foreign`` is the part of the heading that comes from a record. ``below``
    explains."""

    heading: str
    columns: tuple[Column, ...]
    lines: tuple[Row, ...]
    foreign: str = ""
    below: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report: a title, facts as label and line, warnings, tables, footnotes numbered from 1, a last
    line.

    ``tone`` is the title's. ``code`` is text to paste, which stands below the title line by line.
    """

    title: str
    facts: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    footnotes: Sequence[str] = ()
    closing: str = ""
    code: str = ""
    tone: Tone = Tone.PLAIN


def marks(notes: Sequence[int]) -> str:
    """References to footnotes: ``[1][3]``."""
    return "".join(f"[{number}]" for number in notes)


class Notes:
    """Footnotes numbered from 1 as they come up; one that was there before keeps its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, *texts: str) -> tuple[int, ...]:
        """The numbers of these notes, each once."""
        return tuple(
            dict.fromkeys(self._numbers.setdefault(text, len(self._numbers) + 1) for text in texts if text)
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """All notes, in the order of their numbers."""
        return tuple(self._numbers)
