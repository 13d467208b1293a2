"""What a failure is called: one line for whatever was raised."""

from __future__ import annotations

from harness.probes import shortage


def failure(error: BaseException) -> str:
    """One line that says what was raised; of an error that carries a worker's traceback, what the worker raised.

    Of one for want of memory, how much was asked for and how much was free.
    """
    if (short := shortage(error)) is not None and short.asked_bytes is not None:
        return str(short)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        return lines[-1][:500]
    return f"{type(error).__name__}: {lines[0]}"[:500] if lines[0] else type(error).__name__
