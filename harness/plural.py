"""Numbers in words: with what they count (1 run, 2 runs), and log ratios as percentages."""

from __future__ import annotations

import math


def counted(count: float, one: str, many: str = "") -> str:
    """``1 run``, ``2 runs``; ``many`` where that is not ``one`` with an s: ``counted(2, "process",
    "processes")``."""
    number = f"{count}" if isinstance(count, int) else f"{count:.0f}"
    return f"{number} {one if number == '1' else many or f'{one}s'}"


def percent(log: float) -> str:
    """A log ratio as a percentage, ``+5.1 %``; past a factor of two as a factor, ``3.2x``."""
    ratio = math.exp(log)
    return f"{ratio:.3g}x" if ratio >= 2 or ratio <= 0.5 else f"{100 * (ratio - 1):+.2f} %"
