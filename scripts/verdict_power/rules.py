"""The rules that are compared: that of claims, and the one that it replaced."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

import numpy as np
from gate_power.counts import Count, stream

from harness.judge.moderated import Prior
from harness.judge.rules import Thresholds, decide
from harness.judge.stats import signed_rank_p, trimmed_interval
from harness.judge.units import Unit
from harness.model import Expect, Outcome
from verdict_power.pools import MOST, Pool, prior_beside, units_of

Decided = tuple[Outcome | None, int]
"""The outcome, None while open, and the units it took."""

Rule = Callable[[Sequence[Unit], float, Prior], Decided]
"""Decides units by a margin (a share) and a prior, for a claim that expects less."""

LOOKS = (7, 14, 28)
ALPHA = 0.05


def moderated(found: Sequence[Unit], margin: float, prior: Prior) -> Decided:
    """The rule of claims."""
    result = decide(found, Expect.LOWER, margin, Thresholds(), prior)
    return result.outcome, result.units


def exact(found: Sequence[Unit], margin: float, _: Prior) -> Decided:
    """The earlier rule: the exact signed-rank test beyond the margin, a trimmed interval inside it."""
    edge, level = math.log1p(margin), ALPHA / len(LOOKS)
    for look in LOOKS:
        values = [unit.quiet for unit in found[:look]]
        if signed_rank_p(values, edge, "greater") <= level / 2:
            return Outcome.FAILS, look
        if signed_rank_p(values, -edge, "less") <= level / 2:
            return Outcome.HOLDS, look
        low, high = trimmed_interval(values, level)
        if -edge < low and high < edge:
            return Outcome.NO_EFFECT, look
    return None, LOOKS[-1]


RULES: Mapping[str, Rule] = {"moderated t": moderated, "signed rank": exact}


@dataclass(frozen=True, slots=True)
class Tally:
    """Decisions of one workload with one true effect under one rule."""

    decided: tuple[Decided, ...]

    def share(self, *outcomes: Outcome) -> Count:
        """How many had one of these outcomes."""
        return Count.where(outcome in outcomes for outcome, _ in self.decided)

    @property
    def units(self) -> str:
        """Units that the decisions took, the mean and the median."""
        counts = [units for _, units in self.decided]
        return f"{mean(counts):.1f} ({median(counts):.0f})"


def tallies(pool: Pool, pools: tuple[Pool, ...], effect: float, trials: int, seed: int) -> dict[str, Tally]:
    """What each rule decides on the same draws."""
    random: np.random.Generator = stream(seed, pool.name, repr(effect))
    found: dict[str, list[Decided]] = {name: [] for name in RULES}
    for _ in range(trials):
        prior, units = prior_beside(pool, pools, random), units_of(pool.draw(MOST, effect, random))
        for name, rule in RULES.items():
            found[name].append(rule(units, pool.margin, prior))
    return {name: Tally(tuple(decided)) for name, decided in found.items()}
