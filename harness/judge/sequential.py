"""Two runs measured one after the other: the wider, honest error of a comparison without pairs.

Fresh processes differ from each other, and the machine drifts between runs; no pairing cancels either. What
is called regressed must therefore lie beyond the tolerated difference by more than the levels of either run
drifted while it was measured, and what is called unchanged must stay below the target by as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from harness.judge.regression import Rule, Ruling
from harness.judge.stats import median_shift, rank_sum_p
from harness.judge.units import KEEP, SECONDS
from harness.model import BeyondDrift, Comparison, GateOutcome, LostInDrift, TooFewInvocations, WithinDrift

FEWEST = 6
"""Invocations on either side, below which nothing is decided."""

_NOTHING = 1e-12
"""What is smaller counts as this much: a wait that vanished is a large effect, and finite."""


def level(values: Sequence[float], keep: float = KEEP) -> float | None:
    """The log of the typical round of one invocation: the median of the smallest ``keep`` of its rounds.

    None where there is no round, or a negative one.
    """
    ordered = sorted(values)
    if not ordered or ordered[0] < 0:
        return None
    return math.log(max(_NOTHING, median(ordered[: max(1, math.ceil(keep * len(ordered)))])))


def drift(levels: Sequence[float]) -> float:
    """How far a run's own level moved while it was measured: the widest gap between the medians of its
    thirds."""
    if len(levels) < 3:
        return math.inf
    thirds = [float(np.median(part)) for part in np.array_split(np.asarray(levels, dtype=np.float64), 3)]
    return max(thirds) - min(thirds)


def rule_unpaired(base: Sequence[float], head: Sequence[float], by: Rule) -> Ruling:
    """The ruling on two rows of levels (logs, one an invocation, in the order in which they were measured).

    Exact rank-sum test beyond the tolerated difference; Yuen-Welch below the target; both with the drift of
    either run on top. Anything else is inconclusive: paired units would decide it.
    """
    if min(len(base), len(head)) < FEWEST:
        ratio = math.exp(median_shift(base, head)) if base and head else 1.0
        few = TooFewInvocations(len(base), len(head), FEWEST)
        return Ruling(GateOutcome.INCONCLUSIVE, Comparison(SECONDS, len(head), ratio, paired=False), few)
    # most commands need no test of SciPy's: its statistics take longer to import than all else that judges
    from scipy.stats import ttest_ind

    shift, drifted = median_shift(base, head), max(drift(base), drift(head))
    p = rank_sum_p(base, head, by.tolerated + drifted, "greater")
    low, high = math.exp(shift - drifted), math.exp(shift + drifted)
    found = Comparison(SECONDS, len(head), math.exp(shift), low, high, p=p, paired=False)
    if p <= by.levels[-1]:
        return Ruling(GateOutcome.REGRESSED, found, BeyondDrift(shift, p, drifted))
    raised = np.asarray(head) - by.near + drifted
    below = float(ttest_ind(raised, base, trim=by.trim, alternative="less", equal_var=False).pvalue)
    if below <= by.beta:
        outcome = GateOutcome.IMPROVED if shift + drifted < -by.tolerated else GateOutcome.UNCHANGED
        return Ruling(outcome, found, WithinDrift(shift, drifted))
    return Ruling(GateOutcome.INCONCLUSIVE, found, LostInDrift(shift, drifted, by.failing_looks[0]))
