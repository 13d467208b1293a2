"""Which columns of a table stand beside each other on a terminal; the rest goes below each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

GAP = 2
"""Blanks between two columns."""


def beside(
    widths: Mapping[str, int], always: Sequence[str], others: Sequence[str], available: int
) -> list[str]:
    """The columns that stand beside each other in ``available`` characters: those that always do, and of the
    others, the least expensive first, each that still fits."""
    chosen = [name for name in always if name in widths]
    for name in others:
        if name in widths and total([*chosen, name], widths) <= available:
            chosen.append(name)
    return chosen


def total(names: Sequence[str], widths: Mapping[str, int]) -> int:
    """Characters that columns take beside each other."""
    return sum(widths[name] + GAP for name in names) - GAP
