"""What commands print: the console with its width, plain lines and complaints; and signals, alike for all of
them."""

from __future__ import annotations

import os
import signal
import sys
from typing import IO, TYPE_CHECKING, NoReturn

from harness.report.format import sanitize

if TYPE_CHECKING:
    from rich.console import Console


PIPED = 120
"""Columns of an output that is not a terminal: wide enough that little is moved below its row."""

LINES = 25
"""Lines of an output that is not a terminal: nothing depends on it."""

LONGEST = 2000
"""Characters of a single name or sentence that are printed."""

_NARROWEST, _WIDEST = 40, 1000


def console(file: IO[str] | None = None) -> Console:
    """A console on the standard output or on ``file``.

    ``COLUMNS`` counts if it is a whole number above 0; otherwise it is ignored.
    """
    # Not every command needs it, and importing it takes longer than some of them.
    from rich.console import Console

    stream = file or sys.stdout
    stated = os.environ.get("COLUMNS")
    if stated is None and stream.isatty():
        return Console(file=stream)
    # rich ignores the variable only if both are given: it would take 0 for a width, and fail at a
    # superscript.
    columns, lines = os.get_terminal_size(stream.fileno()) if stream.isatty() else (PIPED, LINES)
    return Console(file=stream, width=_stated(stated) or columns or PIPED, height=lines or LINES)


def _stated(columns: str | None) -> int | None:
    if columns and columns.isascii() and columns.isdecimal() and (found := int(columns[:18])) > 0:
        return max(_NARROWEST, min(_WIDEST, found))
    return None


def print_line(text: str) -> None:
    """Print a line on the standard output, in whatever that can encode."""
    print(encodable(text))


def encodable(text: str) -> str:
    """Text with a question mark for every character that the standard output cannot encode."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def complain(error: object) -> None:
    """Print what went wrong on the standard error, line by line and without control characters."""
    lines = [sanitize(line, LONGEST) for line in str(error).splitlines()] or [""]
    print("harness: " + "\n  ".join(lines), file=sys.stderr)


def interrupt_on_sigterm() -> None:
    """Let SIGTERM do what Ctrl-C does: end the processes and report what was measured."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
