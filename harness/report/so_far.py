"""What is known of a verdict that is still open: the effect so far, from how many units, and what decides
it."""

from __future__ import annotations

import math

from harness.model import Comparison, Outcome, Verdict
from harness.plural import counted
from harness.report.format import EQUAL, effect


def so_far(verdict: Verdict, margin: float = 0.0) -> str:
    """``2.80x faster so far, 1 unit; 2 more decide``, and what is within the margin as ``about equal``.

    Empty for a verdict that is not open, was not measured, or that no more units are likely to decide.
    """
    found = verdict.comparison
    if verdict.outcome is not Outcome.INCONCLUSIVE or found is None or not verdict.more_units:
        return ""
    more = f"{verdict.more_units} more decide{'s' if verdict.more_units == 1 else ''}"
    return f"{_effect(found, margin)} so far, {counted(found.units, 'unit')}; {more}"


def _effect(found: Comparison, margin: float) -> str:
    size = effect(found)
    within = 0 < found.ratio < math.inf and abs(math.log(found.ratio)) <= math.log1p(margin)
    if within:
        return "equal" if size == EQUAL else f"about equal ({size})"
    return size
