"""Sets of time: sorted intervals that do not touch, as arrays of shape [n, 2] with starts and ends in
seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]


def union(starts: Times, ends: Times) -> Times:
    """The time that any of these covers; what has no length is left out."""
    some = ends > starts
    starts, ends = starts[some], ends[some]
    if not len(starts):
        return np.empty((0, 2))
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    new = starts[1:] > ends[:-1]
    return np.column_stack((starts[np.concatenate(([True], new))], ends[np.concatenate((new, [True]))]))


def within(times: Times, low: float, high: float) -> Times:
    """The part of it from ``low`` to ``high``."""
    cut = np.clip(times, low, high)
    return cut[cut[:, 1] > cut[:, 0]]


def without(times: Times, others: Times) -> Times:
    """The part of it that the others do not cover."""
    if not len(times) or not len(others):
        return times
    low, high = times[0, 0], times[-1, 1]
    return intersection(times, gaps(others, low, high))


def gaps(times: Times, low: float, high: float) -> Times:
    """What it leaves open from ``low`` to ``high``."""
    inner = within(times, low, high)
    starts, ends = np.concatenate(([low], inner[:, 1])), np.concatenate((inner[:, 0], [high]))
    open_ = ends > starts
    return np.column_stack((starts[open_], ends[open_]))


def intersection(times: Times, others: Times) -> Times:
    """The time in both."""
    if not len(times) or not len(others):
        return np.empty((0, 2))
    # Of each interval, the run of others that reach into it.
    first = np.searchsorted(others[:, 1], times[:, 0], side="right")
    last = np.searchsorted(others[:, 0], times[:, 1], side="left")
    counts = np.maximum(last - first, 0)
    mine = np.repeat(np.arange(len(times)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    theirs = np.repeat(first, counts) + offset
    return np.column_stack(
        (np.maximum(times[mine, 0], others[theirs, 0]), np.minimum(times[mine, 1], others[theirs, 1]))
    )


def length(times: Times) -> float:
    """Seconds in all."""
    return float((times[:, 1] - times[:, 0]).sum())
