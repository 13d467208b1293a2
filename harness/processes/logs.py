"""The log of a process that ended: which of its lines have the reason."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST = 500
"""Characters of a reason; the whole text is in the log."""

_READ = 1 << 18
"""Bytes of a log that are looked through, from its end."""

_MORE_LINES = 3
_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = _PACKAGE / "claims_shipped"
_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
_PYTHON = re.compile(r"python3\.\d+t?")
"""The folder of any interpreter's own modules: the process may have been another's."""

_MARGIN = re.compile(r"(?:INTERNALERROR> |E {2,})\s*")
_NAMED = re.compile(
    r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Failed)\b(?::|$)|ERROR: |Fatal Python error: )"
)
_GOES_ON = re.compile(r"hookimpl definition: |Argument\(s\) ")
"""How pluggy begins the further lines of what is wrong with a hook, whose first line only names it."""

_BEGIN = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s*File "(?P<file>[^<"][^"]*)", line (?P<line>\d+), in ')
_CONFTEST = re.compile(r"ImportError while loading conftest '.*'")
_SUMMARY = re.compile(
    r"=+ .* =+|!+ .* !+|(?:\d+ \w+(?:, )?)+ in [\d.]+s.*|no tests ran in .*|(?:FAILED|ERROR|SKIPPED) \S+.*|[.FEsxX]+"
    r"(?: +\[ *\d+%\])?"
)


@dataclass(frozen=True, slots=True)
class LastWords:
    """What a process printed at its end, in one line, and whether it is about a conftest.py that could not be
    imported."""

    line: str
    in_conftest: bool = False

    def __str__(self) -> str:
        return self.line


def last_words(log: Path, *, killed: bool = False) -> LastWords:
    """The lines of a log with the error that ended its process, in one; the last that is not empty if there
    is none.

    Where the process was ``killed`` by a signal no error ended it, and its last line is what it was about.
    """
    lines = [line.rstrip() for line in _end_of(log).splitlines() if line.strip()]
    lines = [line for line in lines if not _SUMMARY.fullmatch(line.strip())]
    if not lines:
        return LastWords("it printed nothing")
    plain = [_MARGIN.sub("", line, count=1) for line in lines]
    named = next((index for index in reversed(range(len(plain))) if _NAMED.match(plain[index])), None)
    if killed or named is None:
        line = plain[-1].strip()
        return LastWords(line[:LONGEST], _CONFTEST.match(line) is not None)
    words = informative(plain[named:])
    conftest = next((match[0] for line in plain[:named] if (match := _CONFTEST.match(line))), "")
    line = f"{conftest or _place(plain[:named])}: {words}".removeprefix(": ")[:LONGEST]
    return LastWords(line, bool(conftest))


def _place(lines: Sequence[str]) -> str:
    """The last line of the user's own in the traceback that ends ``lines``; empty where everything is a
    package's."""
    begin = max((index for index, line in enumerate(lines) if line.strip() == _BEGIN), default=len(lines))
    frames = [match for line in lines[begin:] if (match := _FRAME.match(line))]
    own = [match for match in frames if is_theirs(match["file"])]
    return f"{Path(own[-1]['file']).name}:{own[-1]['line']}" if own else ""


def is_theirs(filename: str) -> bool:
    """Whether a file is the user's own: it belongs to no package, not to Python and not to tipbench."""
    if filename.startswith("<"):
        return False
    file = Path(filename)
    if file.is_relative_to(_PACKAGE) and not file.is_relative_to(_SHIPPED):
        return False
    if file.is_relative_to(_LIBRARY) or {"site-packages", "dist-packages"} & set(file.parts):
        return False
    return not any(_PYTHON.fullmatch(part) for part in file.parts)


def informative(lines: Sequence[str]) -> str:
    """The first line, and those that follow while it ends where an explanation only begins."""
    words, *more = [line.strip() for line in lines if line.strip()] or [""]
    for line in more[:_MORE_LINES]:
        if not words.endswith((":", ",", "(")) and not _GOES_ON.match(line):
            break
        words = f"{words} {line}"
    return words.rstrip(":")[:LONGEST]


def raised(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a printed traceback from the one on that names what was raised last; the last line without
    any."""
    return next(
        (lines[index:] for index in reversed(range(len(lines))) if _NAMED.match(lines[index])), lines[-1:]
    )


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _READ))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
