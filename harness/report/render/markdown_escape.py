"""Pieces of Markdown that nothing foreign can break out of: code, lines of tables, folded parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.plural import counted
from harness.report.format import LONGEST as LONGEST_WORDS
from harness.report.format import sanitize

LONGEST = 1_000_000
"""Bytes of a page: GitHub refuses a step's summary beyond 1 MiB."""

_MOST = 30


_PLAIN = re.compile(r"[\w .,;:%()'+>-]*", re.ASCII)
_LONGEST_PROSE = 2000


def prose(text: str) -> str:
    """A sentence of ours that may hold foreign words: as it is where nothing in it means anything, else in
    code."""
    return text if _PLAIN.fullmatch(text) and "www." not in text else code(text, _LONGEST_PROSE)


def code(text: str, longest: int = LONGEST_WORDS) -> str:
    """Foreign text as it is, on one line and in code; nothing where it is empty."""
    words = sanitize(text, longest)
    if not words or not set(words) & set("`|"):
        return f"`{words}`" if words else ""
    # these end a code span or a table's cell; as numbers they end nothing
    safe = (letter if letter.isalnum() or letter == " " else f"&#{ord(letter)};" for letter in words)
    return f"<code>{''.join(safe)}</code>"


def fenced(text: str) -> list[str]:
    """A block of code as it is, in a fence longer than any row of backticks in it, which could end it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return [fence, *text.split("\n"), fence, ""]


def line(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def folded(summary: str, lines: Sequence[str]) -> list[str]:
    """A part that opens on a click; the blank line inside makes GitHub read Markdown there."""
    return [
        "<details>",
        f"<summary>{summary}</summary>",
        "",
        *lines,
        *([""] if lines and lines[-1] else []),
        "</details>",
        "",
    ]


def listed(texts: Sequence[str]) -> list[str]:
    """A list of these, not of all where there are many, with a blank line after it; nothing for none."""
    lines = some([f"- {text}" for text in texts], "- ")
    return [*lines, ""] if lines else []


def some(lines: Sequence[str], mark: str) -> list[str]:
    """The first of many lines, and how many there are more."""
    left = len(lines) - _MOST
    return list(lines) if left <= 0 else [*lines[:_MOST], f"{mark}and {left} more"]


def left_out(rows: int) -> str:
    """What stands in the place of rows that a page has no room for."""
    return f"{counted(rows, 'row')} more {'is' if rows == 1 else 'are'} left out here: the page would be too long."


def size(lines: Sequence[str]) -> int:
    """Bytes of lines, each with its end."""
    return sum(len(each.encode()) + 1 for each in lines)
