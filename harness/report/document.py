"""A report as plain parts, before it has a form; `render` writes any of them in each form, so that all say
the same.

People read a `Document`: headed tables of cells, with facts above and notes below. Programs that run tests
read `CaseResults`: one result a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Fact = tuple[str, str]
"""A label and a line. Neighbours with the same label are read as one fact of several lines."""


class Tone(StrEnum):
    """What a cell's colour repeats; its words state it already. The values are the classes of a page's
    style."""

    PLAIN = ""
    GOOD = "good"
    BAD = "bad"
    SAME = "same"
    OPEN = "open"
    TROUBLE = "trouble"
    DIM = "dim"


IMPROVED = {True: Tone.GOOD, False: Tone.BAD, None: Tone.PLAIN}
"""The tone of a change, by whether it is an improvement."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the name its cells go by, its title, whether it is foreign text.

    ``rank`` says which columns stay the longest where room is short: the smallest; 0 never leaves. Where
    lines have little room, an ``above`` column heads the rows that share its cell, and ``prose`` takes what
    is left of a line or a line of its own; one that is ``cut`` ends where the line does, and has no other.
    Verdicts stand out where they are good, bad or broken. ``notes``
    are numbers of footnotes about all its cells.
    """

    name: str
    title: str
    foreign: bool = False
    rank: int = 0
    above: bool = False
    prose: bool = False
    cut: bool = False
    verdict: bool = False
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its cells by their columns' names, tones by the same names, numbers of footnotes."""

    cells: Mapping[str, str]
    tones: Mapping[str, Tone]
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Lines under a heading; ``foreign`` is the part of the heading that comes from a record. ``below``
    explains, ``why`` says what makes it so. ``folded`` is what a page opens on demand."""

    heading: str
    columns: tuple[Column, ...]
    lines: tuple[Row, ...]
    foreign: str = ""
    below: str = ""
    why: str = ""
    folded: bool = False

    @property
    def shown(self) -> list[Column]:
        """The columns in which any row has a cell."""
        return [column for column in self.columns if any(row.cells.get(column.name) for row in self.lines)]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report: a title, facts, warnings, tables, footnotes numbered from 1, further facts as details,
    and the outcome.

    ``tone`` is that of the outcome, or of the title where there is no outcome. ``code`` is text to paste,
    which stands below the title line by line. ``closing`` are lines about what to type next, and where the
    records are.
    """

    title: str
    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    footnotes: Sequence[str] = ()
    details: Sequence[Fact] = ()
    outcome: str = ""
    tone: Tone = Tone.PLAIN
    closing: Sequence[str] = ()
    code: str = ""


class CheckState(StrEnum):
    """How a case went, for programs that run tests."""

    PASSED = "passed"
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A verdict as the result of a test: the benchmark's case, what distinguishes its results, the verdict's
    word and a message.

    ``reason`` is the whole text of which a message has the first line; ``seconds`` is what measuring took.
    """

    case: str
    words: Sequence[str]
    outcome: str
    message: str = ""
    state: CheckState = CheckState.PASSED
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CaseResults:
    """A result for each verdict of a command, what else is known of it as names and values, its seconds and
    its start in ISO 8601."""

    name: str
    cases: Sequence[CaseResult]
    properties: Sequence[tuple[str, str]]
    seconds: float = 0.0
    started: str = ""


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
