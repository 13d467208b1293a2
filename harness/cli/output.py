"""What commands print: the console with its width, plain lines, complaints; and the exit statuses they share."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

from harness.report.format import sanitize

if TYPE_CHECKING:
    from rich.console import Console


PIPED = 120
"""Columns of an output that is no terminal: wide enough that little goes below its row."""

LINES = 25
"""Lines of an output that is no terminal: nothing depends on it."""

_NARROWEST, _WIDEST = 40, 1000
_LONGEST = 2000


def console(file: IO[str] | None = None) -> Console:
    """A console on the standard output or on ``file``.

    ``COLUMNS`` counts where it is a whole number above 0, and is otherwise as good as unset.
    """
    # Not every command needs it, and importing it takes longer than some of them.
    from rich.console import Console

    stream = file or sys.stdout
    stated = os.environ.get("COLUMNS")
    if stated is None and stream.isatty():
        return Console(file=stream)
    # Only where both are given does rich not read the variable: it would take 0 for a width, and fail at a superscript.
    columns, lines = os.get_terminal_size(stream.fileno()) if stream.isatty() else (PIPED, LINES)
    return Console(file=stream, width=_stated(stated) or columns or PIPED, height=lines or LINES)


def _stated(columns: str | None) -> int | None:
    if columns and columns.isascii() and columns.isdecimal() and (found := int(columns[:18])) > 0:
        return max(_NARROWEST, min(_WIDEST, found))
    return None


def say(text: str) -> None:
    """A line on the standard output, in whatever that can encode."""
    print(encodable(text))


def encodable(text: str) -> str:
    """Text with a question mark for every character that the standard output cannot encode."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def complain(error: object) -> None:
    """What went wrong, on the standard error, line by line and without control characters."""
    lines = [sanitize(line, _LONGEST) for line in str(error).splitlines()] or [""]
    print("harness: " + "\n  ".join(lines), file=sys.stderr)
