"""Whether a level that was measured again and again has changed, and when: a test of the whole course, not
its end.

Pettitt's rank test (Applied Statistics 28, 1979) asks whether any split of the course into before
and after stands out; its null distribution depends on the length alone, since ranks know no unit.
Runs that follow each other closely resemble each other, which that test would take for a change:
the correlation of neighbours is estimated beside the change and taken out first (prewhitening,
after Serinaldi and Kilsby, Stoch. Environ. Res. Risk Assess. 30, 2016). Where a change is found,
both parts are tested again. By simulation, at the 5 % level: where runs are independent 3 to 5 % of
the courses without a change are found to have one, where neighbours correlate by 0.3 to 0.6 up to 9
%.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import scipy

from harness.judge.stats import Floats, Numbers

SHORTEST = 5
"""Runs on either side of a change: fewer do not make a level."""

FEWEST = 2 * SHORTEST + 1
"""Runs below which nothing is tested: one more than two levels take, as the correlation of neighbours costs
one."""

SIMULATED = 40
"""The longest course whose null distribution is simulated."""

_DRAWS = 20_000
_SEED = 1979

_FITTED = 3
"""A step's two levels and its place were fitted to the same values, which makes neighbours look less alike
than they are: Kendall's correction for one fitted mean, (n r + 1) / (n - 4), three times over. Simulations
show that it suffices.
"""

_SMALLEST = 0.9
_SLACK = 1.5
"""The share of differences that count, and the deviations by which the estimate from them is raised."""

_NOTICED = 0.5
"""Deviations from which neighbours count as correlated: allowing for a correlation that is not there costs
power."""

_LARGEST_CORRELATION = 0.95


@dataclass(frozen=True, slots=True)
class ChangePoints:
    """The answer for one course: where parts begin, the p of the first split, the correlation of
    neighbours."""

    starts: tuple[int, ...]
    p: float
    memory: float


def changes(values: Numbers, alpha: float) -> ChangePoints:
    """Where the level changed, each index the first of a new level; ``p`` and ``memory`` are of the whole
    course.

    ``alpha`` is the chance of finding any change where there is none. Raises ValueError for values not
    finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if not np.isfinite(data).all():
        raise ValueError("values must be finite")
    found, p, memory = split(data)
    if p > alpha or found == 0:
        return ChangePoints((), p, memory)
    before, after = changes(data[:found], alpha), changes(data[found:], alpha)
    return ChangePoints((*before.starts, found, *(found + start for start in after.starts)), p, memory)


def split(data: Floats) -> tuple[int, float, float]:
    """The split that stands out most, its p, and the correlation of neighbours that was allowed for.

    The index is 0, and p 1, where there are too few values.
    """
    if data.size < FEWEST:
        return 0, 1.0, 0.0
    place, statistic = pettitt(data)
    step = np.where(np.arange(data.size) < place, np.median(data[:place]), np.median(data[place:]))
    # two changes, up and down again, leave a correlation that the differences of neighbours do not show
    memory = min(correlation(data - step), correlation_of_differences(data))
    if memory > 0:
        # what is left of each value once its neighbour's share is taken out; a step of the level is smaller
        # in it
        statistic = pettitt(data[1:] - memory * data[:-1])[1]
        return place, p_value(data.size - 1, statistic), memory
    return place, p_value(data.size, statistic), 0.0


def pettitt(data: Floats) -> tuple[int, float]:
    """The first index after the split that stands out most, at least `SHORTEST` from either end, and the
    statistic K.

    K is the largest distance of any first part's ranks from what their number makes expected.
    """
    order = np.argsort(data, kind="stable")
    ranks = np.empty(data.size)
    ranks[order] = np.arange(1, data.size + 1)
    _, inverse, counts = np.unique(data, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, ranks) / counts)[inverse]  # equal values share their ranks
    return _largest(ranks)


def correlation(rest: Floats) -> float:
    """The correlation between neighbours, at least 0, corrected for what so short a course makes of it."""
    centred = rest - rest.mean()
    power = float(np.dot(centred, centred))
    if power == 0.0:
        return 0.0
    size = rest.size
    found = float(np.dot(centred[1:], centred[:-1])) / power
    if (found + _FITTED / size) * math.sqrt(size) <= _NOTICED:
        return 0.0
    return min(_LARGEST_CORRELATION, (size * found + _FITTED) / max(size - 4 * _FITTED, size / 2))


def correlation_of_differences(data: Floats) -> float:
    """The same, at the most it may be, from how much further apart every other value is than neighbours are.

    A step is in one difference of many, and the largest tenth is left out, so that steps do not matter.
    """
    near, far = (np.sort((data[lag:] - data[:-lag]) ** 2) for lag in (1, 2))
    one, two = (float(row[: max(1, int(_SMALLEST * row.size))].mean()) for row in (near, far))
    return 0.0 if one == 0 else max(0.0, two / one - 1 + _SLACK / math.sqrt(data.size))


def p_value(size: int, statistic: float) -> float:
    """The chance that an order of so many values stands out as much.

    Simulated up to `SIMULATED` values, never 0, as one more draw might; beyond, the limit of a Brownian
    bridge, which is a little too large.
    """
    if size > SIMULATED:
        return float(scipy.special.kolmogorov(statistic * math.sqrt(3 / (size**3 + size**2))))
    drawn = _null(size)
    beyond = drawn.size - int(np.searchsorted(drawn, statistic - 1e-9, side="left"))
    return (beyond + 1) / (drawn.size + 1)


def _largest(ranks: Floats) -> tuple[int, float]:
    size = ranks.size
    before = np.arange(1, size)
    distances = np.abs(2 * np.cumsum(ranks)[:-1] - before * (size + 1))
    inner = distances[SHORTEST - 1 : size - SHORTEST]
    place = int(np.argmax(inner))
    return place + SHORTEST, float(inner[place])


@lru_cache(maxsize=256)
def _null(size: int) -> Floats:
    random = np.random.default_rng(_SEED + size)
    before = np.arange(1, size)
    ranks = np.argsort(random.random((_DRAWS, size)), axis=1) + 1
    distances = np.abs(2 * np.cumsum(ranks, axis=1)[:, :-1] - before * (size + 1))
    drawn = np.sort(distances[:, SHORTEST - 1 : size - SHORTEST].max(axis=1)).astype(np.float64)
    drawn.setflags(write=False)
    return drawn


def parts(levels: Sequence[float], starts: Sequence[int]) -> list[tuple[int, int]]:
    """The parts between changes, as pairs of first and one past the last."""
    edges = [0, *starts, len(levels)]
    return list(pairwise(edges))
