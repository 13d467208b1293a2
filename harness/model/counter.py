"""Counters that move in steps, energy above all: how long a step lasts, and differences over stretches long
enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

STEPS = 50
"""Steps of the counter that a stretch must contain. Either end is off by a step at most, so the difference by
4 % at the very worst and by 1 % as a rule."""

FEWEST = 4
"""Changes of the counter that must have been seen before the length of its steps is known."""


@dataclass(frozen=True, slots=True)
class CounterStep:
    """What a counter moved by: ``amount`` in its unit over ``seconds``, None with the ``reason`` where it
    cannot say.

    ``start`` is the moment from which on it counts. ``tick`` is the length of its steps in seconds: as they
    were seen, so never below the time between two readings.
    """

    amount: float | None
    seconds: float
    tick: float | None = None
    reason: str = ""
    start: float = 0.0


def tick(moments: Sequence[float], values: Sequence[float]) -> float | None:
    """Seconds between two changes of a counter, the median; None where fewer than five changes were seen.

    What is read more seldom than the counter moves changes at every reading: the time between readings is
    then an upper bound, which is what the length of a stretch needs.
    """
    changes = [
        moment
        for moment, (before, after) in zip(moments[1:], pairwise(values), strict=False)
        if after != before
    ]
    if len(changes) <= FEWEST:
        return None
    return median(later - earlier for earlier, later in pairwise(changes))


def difference(moments: Sequence[float], values: Sequence[float], step: float | None = None) -> CounterStep:
    """What the counter moved by from the first to the last of its changes among these readings, in order of
    time.

    ``step`` is the tick where a longer record has shown it. From change to change neither end hides part of a
    step.
    """
    if len(moments) < 2:
        return CounterStep(None, 0.0, step, "not resolvable: fewer than two readings")
    if any(after < before for before, after in pairwise(values)):
        return CounterStep(
            None, 0.0, step, "not resolvable: the counter went backwards (the driver was reloaded?)"
        )
    step = tick(moments, values) if step is None else step
    if step is None:
        return CounterStep(None, 0.0, None, f"not resolvable: the counter changed {FEWEST} times at most")
    changed = [index for index, (before, after) in enumerate(pairwise(values), start=1) if after != before]
    first, last = (changed[0], changed[-1]) if changed else (0, 0)
    seconds = moments[last] - moments[first]
    if seconds < STEPS * step:
        return CounterStep(
            None, seconds, step, f"not resolvable: {seconds:.3g} s are under {STEPS} steps of {step:.3g} s"
        )
    return CounterStep(values[last] - values[first], seconds, step, start=moments[first])


def integral(moments: Sequence[float], values: Sequence[float], start: float, end: float) -> float | None:
    """The area under readings from ``start`` to ``end``, straight lines between them; None where they do not
    cover it.

    Up to a fiftieth of the stretch may be missing at either end: the nearest reading stands for it.
    """
    inside = [
        (moment, value) for moment, value in zip(moments, values, strict=True) if start <= moment <= end
    ]
    slack = (end - start) / STEPS
    if len(inside) < 2 or inside[0][0] - start > slack or end - inside[-1][0] > slack:
        return None
    area = sum((b - a) * (x + y) / 2 for (a, x), (b, y) in pairwise(inside))
    return area + (inside[0][0] - start) * inside[0][1] + (end - inside[-1][0]) * inside[-1][1]
