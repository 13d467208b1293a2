"""A number and what it counts: 1 run, 2 runs."""

from __future__ import annotations


def counted(count: float, one: str, many: str = "") -> str:
    """``1 run``, ``2 runs``; ``many`` where that is not ``one`` with an s: ``counted(2, "process",
    "processes")``."""
    number = f"{count}" if isinstance(count, int) else f"{count:.0f}"
    return f"{number} {one if number == '1' else many or f'{one}s'}"
