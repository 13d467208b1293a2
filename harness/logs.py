"""The log of a process that ended: which of its lines say why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

LONGEST = 500
"""Characters of a reason; the whole text is in the log."""

_READ = 1 << 18
"""Bytes of a log that are looked through, from its end."""

_MORE_LINES = 3
_MARGIN = re.compile(r"(?:INTERNALERROR> |E {2,})\s*")
_NAMED = re.compile(
    r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Failed)\b(?::|$)|ERROR: |Fatal Python error: )"
)
_CONFTEST = re.compile(r"ImportError while loading conftest '.*'")
_SUMMARY = re.compile(
    r"=+ .* =+|!+ .* !+|(?:\d+ \w+(?:, )?)+ in [\d.]+s.*|no tests ran in .*|(?:FAILED|ERROR|SKIPPED) \S+.*|[.FEsxX]+"
    r"(?: +\[ *\d+%\])?"
)


def last_words(log: Path, *, killed: bool = False) -> str:
    """The lines of a log with the error that ended its process, in one; the last that says anything if there is none.

    Where the process was ``killed`` by a signal no error ended it, and its last line is what it was about.
    """
    lines = [line.rstrip() for line in _end_of(log).splitlines() if line.strip()]
    lines = [line for line in lines if not _SUMMARY.fullmatch(line.strip())]
    if not lines:
        return "it said nothing"
    plain = [_MARGIN.sub("", line, count=1) for line in lines]
    named = next((index for index in reversed(range(len(plain))) if _NAMED.match(plain[index])), None)
    if killed or named is None:
        return plain[-1].strip()[:LONGEST]
    said = informative(plain[named:])
    conftest = next((match[0] for line in plain[:named] if (match := _CONFTEST.match(line))), "")
    return f"{conftest}: {said}"[:LONGEST] if conftest else said


def informative(lines: Sequence[str]) -> str:
    """The first line, and those that follow while it ends where an explanation only begins."""
    said, *more = [line.strip() for line in lines if line.strip()] or [""]
    for line in more[:_MORE_LINES]:
        if not said.endswith((":", ",", "(")):
            break
        said = f"{said} {line}"
    return said.rstrip(":")[:LONGEST]


def raised(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a printed traceback from the one on that names what was raised last; the last line without any."""
    return next((lines[index:] for index in reversed(range(len(lines))) if _NAMED.match(lines[index])), lines[-1:])


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _READ))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
