"""Units drawn from known distributions around a known truth: what the gate's rule does with them, whatever
machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gate_power.counts import stream
from gate_power.ours import SUITE, Drawn, Tally
from harness.judge.regression import GateThresholds, rule, rule_for
from harness.judge.units import Unit

NOISE: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "normal, 1 %": lambda random, n: random.normal(0, 0.01, n),
    "normal, 4 %": lambda random, n: random.normal(0, 0.04, n),
    "Student t2, 0.7 %": lambda random, n: 0.007 * random.standard_t(2, n),
    "Cauchy, 0.4 %": lambda random, n: 0.004 * random.standard_cauchy(n),
    "0.8 %, a tenth 8 %": lambda random, n: (
        random.normal(0, 0.008, n) * np.where(random.random(n) < 0.1, 10, 1)
    ),
}
"""Spreads of one unit's log ratio, about as recorded; 4 % is what a case looks like that cannot be decided.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A truth, the noise around it, and what came out."""

    noise: str
    truth: str
    tally: Tally


def simulate(thresholds: GateThresholds, trials: int, seed: int) -> Iterator[Known]:
    """Each noise at no difference, the tolerated one, the one called near, and the target."""
    by = rule_for(thresholds, SUITE)
    truths = {"0": 0.0, "tolerated": by.tolerated, "near": by.near, "target": by.target}
    for noise, values in NOISE.items():
        for truth, centre in truths.items():
            random = stream(seed, noise, truth)
            yield Known(
                noise,
                f"{truth}, {np.expm1(centre):+.1%}",
                Tally(
                    tuple(_decision(centre + values(random, by.looks[-1]), thresholds) for _ in range(trials))
                ),
            )


def _decision(centres: NDArray[np.float64], thresholds: GateThresholds) -> Drawn:
    by = rule_for(thresholds, SUITE)
    ruling = rule([Unit(x, x) for x in map(float, centres)], by)
    assert ruling.outcome is not None  # the last look decides
    return Drawn(ruling.outcome, ruling.comparison.units, 0.0)
