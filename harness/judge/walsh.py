"""Walsh averages: the means of all pairs of values, each value with itself included. The signed-rank test
counts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_COUNTED = 100
"""Values up to which all their averages are made, and the null distribution of the test is counted out. Both
grow faster than the values: 5,000 have 12.5 million averages."""

_FEW = 4
"""Averages for each value that are left when they are sorted."""


def averages(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """All of them."""
    first, second = np.triu_indices(data.size)
    # halved before adding: the sum of two large values must not overflow
    return np.asarray(data[first] / 2 + data[second] / 2, dtype=np.float64)


def averages_at(data: NDArray[np.float64], places: Sequence[int]) -> list[float]:
    """Those at these places of their order, from 0.

    Of many values they are found without the others, and may differ in the last digit.
    """
    if data.size <= MOST_COUNTED:
        ordered = np.sort(averages(data))
        return [float(ordered[place]) for place in places]
    halves = np.sort(data) / 2
    return [_average_at(halves, place) for place in places]


def _average_at(halves: NDArray[np.float64], place: int) -> float:
    """The same of sorted halves: a limit is bisected until few averages are left on either side of it."""
    rows = np.arange(halves.size)
    low, high = float(2 * halves[0]), float(2 * halves[-1])
    # Of each row, the columns from ``first`` up to ``last`` are left; the averages before them are smaller.
    first, last = rows, np.full(halves.size, halves.size)
    while int((last - first).sum()) > _FEW * halves.size:
        middle = low / 2 + high / 2
        if not low < middle < high:  # what is left is equal
            return low
        columns = np.maximum(np.searchsorted(halves, middle - halves), rows)
        if int((columns - rows).sum()) <= place:
            low, first = middle, columns
        else:
            high, last = middle, columns
    left = last - first
    begin = np.repeat(first - np.cumsum(left) + left, left)
    found = np.sort(np.repeat(halves, left) + halves[begin + np.arange(begin.size)])
    return float(found[place - int((first - rows).sum())])
