"""What a failure is called: one line for whatever was raised."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

from harness.probes import shortage

LONGEST = 500
"""Characters of a reason; the whole text is in the log of the process."""

_MORE_LINES = 3
_NAMED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Failed)\b(?::|$)")
_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = _PACKAGE / "claims_shipped"
_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()


def failure(error: BaseException) -> str:
    """One line that says what was raised; of an error that carries a worker's traceback, what the worker raised.

    Of one for want of memory, how much was asked for and how much was free.
    """
    if (short := shortage(error)) is not None and short.asked_bytes is not None:
        return str(short)
    lines = [line for line in str(error).splitlines() if line.strip()]
    if any(line.strip().startswith("Traceback (most recent call last)") for line in lines):
        return informative(raised(lines))
    name = type(error).__name__
    return informative([f"{name}: {lines[0].strip()}", *lines[1:]]) if lines else name


def located(error: BaseException) -> str:
    """`failure`, behind the file and line of the user's code that raised it or called what raised it."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if _is_theirs(frame.f_code.co_filename):
            place = f"{Path(frame.f_code.co_filename).name}:{line}: "
    return f"{place}{failure(error)}"[:LONGEST]


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
    for index in reversed(range(len(lines))):
        if _NAMED.match(lines[index]):
            return lines[index:]
    return lines[-1:]


def _is_theirs(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    file = Path(filename)
    if file.is_relative_to(_PACKAGE) and not file.is_relative_to(_SHIPPED):
        return False
    return not (file.is_relative_to(_LIBRARY) or {"site-packages", "dist-packages"} & set(file.parts))
