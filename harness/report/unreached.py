"""Cases that a run had no time for: how many there are, and what one unit of each would take."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import EndReason, Verdict
from harness.plural import counted
from harness.report.format import duration
from harness.store import Run

START_UP = 5.0
"""Seconds to allow for starting a process, for each invocation: no record says what it took."""


def unreached_note(run: Run, verdicts: Sequence[Verdict]) -> str:
    """One sentence on the cases without a unit where the budget was used up; empty where there is none."""
    reached = {measurement.case for measurement in run.measurements}
    prices = {
        verdict.case: verdict.more_seconds / verdict.more_units
        for verdict in verdicts
        if verdict.case not in reached and verdict.more_units
    }
    if run.ended.reason is not EndReason.BUDGET_USED or not prices:
        return ""
    have = "has" if len(prices) == 1 else "have"
    return (
        f"{len(prices)} of {counted(len(reached) + len(prices), 'case')} {have} no unit: the budget was too short; "
        f"one unit of each takes about {duration(START_UP + sum(prices.values()))}"
    )
