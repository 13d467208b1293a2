"""The lines of a failed command's output that show why it failed."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOST_LINES = 15

_ERROR = re.compile(
    r"\berror(\[\w+\])?:|\bCMake Error\b|\w(Error|Exception)(:|$)|undefined reference to|: cannot find |"
    r"(command|file|directory|package) not found|No such file or directory|No space left|Permission denied",
    re.IGNORECASE,
)

_OF_ANY_FAILURE = re.compile(
    r"subprocess-exited-with-error|metadata-generation-failed|failed-wheel-build|Failed to build|Failed building|"
    r"build backend returned an error|Encountered error while|This error (originates|likely)|"
    r"^\s*(hint|note): |ld returned \d+ exit|command .* failed with exit (code|status)|did not run successfully",
    re.IGNORECASE,
)
"""What installers and compilers print at any failure."""


def error_lines(lines: Sequence[str]) -> list[str]:
    """The first errors with the lines around them, 15 at most; the last lines where none is an error.

    The advice that tools add comes after the error and is often longer: the end of the output alone hides the
    error.
    """
    shown: dict[int, None] = {}
    for number, line in enumerate(lines):
        if not _ERROR.search(line) or _OF_ANY_FAILURE.search(line):
            continue
        # Above is the place where Python raised it, below is what a compiler shows of the source.
        above = (number - 2, number - 1) if re.search(r"\w(Error|Exception)(:|$)", line) else (number - 1,)
        for near in (*above, number, number + 1, number + 2):
            if 0 <= near < len(lines) and (near <= number or lines[near - 1].strip()):
                shown[near] = None
    if not shown:
        return [line for line in lines if not _OF_ANY_FAILURE.search(line)][-_MOST_LINES:] or list(
            lines[-_MOST_LINES:]
        )
    chosen = [
        number
        for number in sorted(shown)
        if lines[number].strip() and not _OF_ANY_FAILURE.search(lines[number])
    ]
    return [lines[number] for number in chosen[:_MOST_LINES]]
