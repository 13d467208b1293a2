"""The one command that would decide what a run left open, with a budget computed from what the run took."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from harness.judge import Thresholds
from harness.judge.evidence import seconds_per_unit
from harness.model import Outcome, Verdict
from harness.program import advised
from harness.report.builders.run_content import within_reach
from harness.report.format import sanitize
from harness.report.unreached import START_UP
from harness.store import Run

FIRST_LOOK = Thresholds().looks[0]

ALLOWANCE = 1.25
"""The next run may be as much slower: a budget that falls just short decides nothing."""

_RECOMPUTED = ("--budget", "--select", "--profile")


@dataclass(frozen=True, slots=True)
class NextCommand:
    """The command, how many verdicts it is about, and how many are out of reach of any one run."""

    command: str
    verdicts: int
    beyond: int


def next_command(run: Run, verdicts: Sequence[Verdict]) -> NextCommand:
    """What to run for what is inconclusive or lost; an empty command where no one run would decide any.

    A run starts anew, so the budget holds the units there were as well as those that are missing.
    """
    typed = run.facts.get("command")
    if isinstance(typed, list) and typed[:1] == ["gate"]:
        return NextCommand("", 0, 0)  # a gate against a saved run: its verdict is the gate's
    needed: dict[str, int] = {}
    claims: dict[str, None] = {}
    near = beyond = 0
    for verdict in verdicts:
        if verdict.outcome not in (Outcome.INCONCLUSIVE, Outcome.LOST):
            continue
        if verdict.outcome is Outcome.INCONCLUSIVE and not within_reach(verdict):
            beyond += 1
            continue
        total = max(FIRST_LOOK, (verdict.comparison.units if verdict.comparison else 0) + verdict.more_units)
        near += 1
        needed[verdict.case] = max(needed.get(verdict.case, 0), total)
        claims[verdict.claim] = None
    # All cases of the claims are measured again, for as long as any of their variants is open.
    again = {
        verdict.case: needed.get(verdict.case, FIRST_LOOK)
        for verdict in verdicts
        if verdict.claim in claims and verdict.outcome is not Outcome.SKIPPED
    }
    seconds = START_UP * max(again.values(), default=0)
    expected = {
        verdict.case: verdict.more_seconds / verdict.more_units for verdict in verdicts if verdict.more_units
    }
    for case, units in again.items():
        known = seconds_per_unit([m for m in run.measurements if m.case == case])
        seconds += units * (known or expected.get(case, 0.0))
    if not near:
        return NextCommand("", 0, beyond)
    minutes = max(1, math.ceil(ALLOWANCE * seconds / 60))
    words = [
        "--budget",
        f"{minutes}m",
        "--select",
        shlex.quote(sanitize(",".join(claims), 4000)),
        *_kept(run),
    ]
    return NextCommand(advised(f"bench {' '.join(words)}"), near, beyond)


def _kept(run: Run) -> list[str]:
    """The options that the run was started with, as far as they are not computed anew."""
    typed = run.facts.get("command", [])
    if not isinstance(typed, list) or not all(isinstance(word, str) for word in typed):
        return []
    kept: list[str] = []
    words = iter(typed[1:] if typed[:1] == ["bench"] else typed)
    for word in words:
        if word in _RECOMPUTED:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in _RECOMPUTED)):
            kept.append(shlex.quote(sanitize(word)))
    return kept
