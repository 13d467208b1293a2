"""A race of settings: who is clearly behind, who is level with the best, and which of those is the smallest.

Samples of one repetition were taken at the same moment, so the machine's speed in it is taken out: log
seconds are the sum of a setting's part and a repetition's part, fitted by least squares over the samples
there are (a setting that was eliminated, or came later, has fewer). The residuals are the noise. After one
repetition there are none, so the noise begins with what samples usually show, and the measured one takes over
(a scaled inverse chi-squared prior).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, log1p, sqrt

import numpy as np
import scipy

Repetition = Mapping[str, float]
"""Seconds of each setting that ran in it, for one sample of the data."""


@dataclass(frozen=True, slots=True)
class RaceRule:
    """When a setting leaves the race, and when it counts as level.

    ``margin`` is the share by which a setting may be behind the best and still be as good: certainly beyond
    it, it is eliminated. ``sure`` is the probability with which it must be within the margin to count as
    level: with little evidence only the best does, with much all that the margin allows. ``level`` is the
    one-sided error of a single decision. ``noise`` is the deviation of a sample until it is known better,
    worth ``weight`` samples: workers start anew for each, and their place on the cores alone makes samples of
    seconds differ by 5 to 10 %.
    """

    margin: float = 0.03
    sure: float = 0.9
    level: float = 0.02
    noise: float = 0.08
    weight: float = 3.0


@dataclass(frozen=True, slots=True)
class RacePlace:
    """Where a setting stands: seconds against another's as a ratio, with bounds that each hold at the rule's
    level.

    ``behind`` says that it is certainly behind by more than the margin, ``ahead`` that it may be ahead by
    more, and ``within`` that it is behind by less, as sure as the rule requires.
    """

    name: str
    samples: int
    ratio: float
    low: float
    high: float
    eliminated: bool
    ahead: bool
    within: bool


def places(
    repetitions: Sequence[Repetition], rule: RaceRule, against: str | None = None
) -> tuple[RacePlace, ...]:
    """Where every setting stands after these repetitions, against the best or ``against`` another; the best
    first.

    Raises ValueError where there are no samples, one that is not positive, settings that no chain of
    repetitions connects, or where the other one did not run.
    """
    names = list(dict.fromkeys(name for repetition in repetitions for name in repetition))
    rows = [
        (names.index(name), number, seconds)
        for number, repetition in enumerate(repetitions)
        for name, seconds in repetition.items()
    ]
    if not rows:
        raise ValueError("a race without a sample has no places")
    if not all(seconds > 0 and np.isfinite(seconds) for _, _, seconds in rows):
        raise ValueError("a sample takes a positive, finite time")
    columns = len(names) + len(repetitions)
    design = np.zeros((len(rows), columns))
    for row, (setting, repetition, _) in enumerate(rows):
        design[row, setting] = design[row, len(names) + repetition] = 1.0
    times = np.log(np.array([seconds for _, _, seconds in rows], dtype=np.float64))
    rank = int(np.linalg.matrix_rank(design))
    if rank < columns - 1:
        raise ValueError("the repetitions fall into parts that have no setting in common")
    inverse = np.linalg.pinv(design.T @ design)
    fitted = inverse @ design.T @ times
    freedom = len(rows) - rank
    rest = times - design @ fitted
    spread = sqrt((rule.weight * rule.noise**2 + float(rest @ rest)) / (rule.weight + freedom))
    reach, sure = (
        float(scipy.special.stdtrit(rule.weight + freedom, share)) for share in (1 - rule.level, rule.sure)
    )
    other = int(np.argmin(fitted[: len(names)])) if against is None else names.index(against)
    found = []
    for index, name in enumerate(names):
        contrast = np.zeros(columns)
        contrast[index] += 1.0
        contrast[other] -= 1.0
        error = spread * sqrt(max(0.0, float(contrast @ inverse @ contrast)))
        distance = float(fitted[index] - fitted[other])
        low, high = distance - reach * error, distance + reach * error
        samples = sum(1 for setting, _, _ in rows if setting == index)
        beyond = log1p(rule.margin)
        within = distance + sure * error <= beyond
        found.append(
            RacePlace(name, samples, exp(distance), exp(low), exp(high), low > beyond, low < -beyond, within)
        )
    return tuple(sorted(found, key=lambda place: place.ratio))


def level(found: Sequence[RacePlace]) -> tuple[RacePlace, ...]:
    """Those that are as good as the best."""
    return tuple(place for place in found if place.within)


def saving(before: float, after: float) -> float:
    """The share of the time that a change from ``before`` to ``after`` seconds saves; negative where it
    costs."""
    return -expm1(log(after) - log(before))
