"""Two runs measured one after the other: the wider, honest error of a comparison without pairs.

Fresh processes differ from each other, and the machine drifts between runs; no pairing cancels either. What is called
regressed must therefore lie beyond the tolerated difference by more than the levels of either run wandered while it
was held, and what is called unchanged must stay below the target by as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.judge.regression import Rule, Ruling
from harness.judge.rules import percent
from harness.judge.stats import Numbers
from harness.model import GateOutcome

FEWEST = 6
"""Invocations on either side, below which nothing is said."""


def level(samples: Numbers, keep: float) -> float:
    """The log of what a round typically takes in one invocation: the median of the quietest ``keep`` of its rounds.

    Raises ValueError for no samples or one that is not positive.
    """
    data = np.sort(np.asarray(samples, dtype=np.float64))
    if data.size == 0 or not (np.isfinite(data).all() and data[0] > 0):
        raise ValueError("a level needs positive, finite samples")
    return float(np.log(np.median(data[: max(1, math.ceil(keep * data.size))])))


def wandering(levels: Sequence[float]) -> float:
    """How far a run's own level moved while it was held: the widest gap between its thirds' medians."""
    if len(levels) < 3:
        return math.inf
    thirds = [float(np.median(part)) for part in np.array_split(np.asarray(levels, dtype=np.float64), 3)]
    return max(thirds) - min(thirds)


def rule_unpaired(base: Sequence[float], head: Sequence[float], by: Rule) -> Ruling:
    """The ruling on two rows of levels (logs, one an invocation, in the order held).

    Exact Mann-Whitney beyond the tolerated difference; Yuen-Welch below the target; both with the wandering of either
    run on top. Anything else is inconclusive: paired units would tell.
    """
    shift = float(np.median(np.subtract.outer(np.asarray(head), np.asarray(base)))) if base and head else math.nan
    if min(len(base), len(head)) < FEWEST:
        reason = f"{len(base)} and {len(head)} invocations; {FEWEST} on both sides say the first thing"
        return Ruling(
            GateOutcome.INCONCLUSIVE, len(head), math.exp(shift) if base and head else 1.0, None, None, False, reason
        )
    # whoever asks only how far a run wandered needs no test of SciPy's, whose package takes most of a second to import
    from scipy.stats import mannwhitneyu, ttest_ind

    drift = max(wandering(base), wandering(head))
    ratio = math.exp(shift)
    low, high = math.exp(shift - drift), math.exp(shift + drift)

    def ruling(outcome: GateOutcome, reason: str) -> Ruling:
        return Ruling(outcome, len(head), ratio, low, high, False, reason)

    lowered = np.asarray(head) - by.tolerated - drift
    p = float(mannwhitneyu(lowered, base, alternative="greater", method="exact").pvalue)
    if p <= by.levels[-1]:
        return ruling(
            GateOutcome.REGRESSED, f"{percent(shift)}, p {p:.2g} beyond what the runs wandered ({percent(drift)})"
        )
    raised = np.asarray(head) - by.near + drift
    below = float(ttest_ind(raised, base, trim=by.trim, alternative="less", equal_var=False).pvalue)
    if below <= by.beta:
        outcome = GateOutcome.IMPROVED if shift + drift < -by.tolerated else GateOutcome.UNCHANGED
        return ruling(outcome, f"{percent(shift)}; the runs wandered by {percent(drift)}")
    need = by.failing_looks[0]
    return ruling(
        GateOutcome.INCONCLUSIVE,
        f"{percent(shift)}, and runs that were not paired wandered by {percent(drift)}: cannot judge; about {need} "
        "paired units would (gate --base)",
    )
