"""What a failure is called: one line for whatever was raised."""

from __future__ import annotations

import traceback
from pathlib import Path

from harness.probes import out_of_memory
from harness.processes.logs import LONGEST, informative, is_theirs, raised


def failure(error: BaseException) -> str:
    """One line for what was raised; of an error that carries a worker's traceback, what the worker raised.

    Of one for want of memory, how much was requested and how much was free.
    """
    if (short := out_of_memory(error)) is not None and short.asked_bytes is not None:
        return str(short)
    lines = [line for line in str(error).splitlines() if line.strip()]
    if any(line.strip().startswith("Traceback (most recent call last)") for line in lines):
        return informative(raised(lines))
    name = type(error).__name__
    return informative([f"{name}: {lines[0].strip()}", *lines[1:]]) if lines else name


def located(error: BaseException) -> str:
    """`failure`, behind the file and line of the user's code that raised it or called what raised it.

    Of want of memory the place is meaningless: the last to allocate had none left.
    """
    if (short := out_of_memory(error)) is not None and short.asked_bytes is not None:
        return str(short)
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if is_theirs(frame.f_code.co_filename):
            place = f"{Path(frame.f_code.co_filename).name}:{line}: "
    return f"{place}{failure(error)}"[:LONGEST]


def logged(error: BaseException) -> str:
    """`located`, of what is reported nowhere else: its whole traceback goes to the log of this process."""
    traceback.print_exception(error)
    return located(error)
