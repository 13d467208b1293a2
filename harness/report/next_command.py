"""The one command that would finish a run, or decide what it left open, and the time that this may take."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.judge import Thresholds
from harness.judge.evidence import seconds_per_unit
from harness.model import EndReason, Outcome, Status, Verdict
from harness.program import advised
from harness.report.builders.run_content import within_reach
from harness.report.format import sanitize
from harness.report.unreached import START_UP
from harness.store import Run

FIRST_LOOK = Thresholds().looks[0]

ALLOWANCE = 1.25
"""The next run may be as much slower: a budget that falls just short decides nothing."""

_RECOMPUTED = ("--budget", "--select", "--profile", "--resume")
_PATHS = ("--benchmarks", "--data", "--python")
"""Options that a resumption must repeat: a run's record executes and reads nothing by itself."""


@dataclass(frozen=True, slots=True)
class NextCommand:
    """The command, how many verdicts it is about, and how many are out of reach of any one run.

    Where it is about none, it finishes a run that was killed, interrupted or stopped.
    """

    command: str
    verdicts: int
    beyond: int


def next_command(run: Run, verdicts: Sequence[Verdict]) -> NextCommand:
    """What to run for what is inconclusive or lost; an empty command where no one run would decide any.

    A run that did not come to its end is resumed. Any other starts anew, so the budget holds the units there
    were as well as those that are missing.
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
    resumed = resumable(run)
    if not near:
        stopped = resumed and run.ended.reason is not EndReason.BUDGET_USED
        return NextCommand(advised(f"bench {_resuming(run)}") if stopped else "", 0, beyond)
    if resumed:
        return NextCommand(advised(f"bench {_resuming(run, _minutes(run, verdicts, needed))}"), near, beyond)
    # All cases of the claims are measured again, for as long as any of their variants is open.
    again = {
        verdict.case: needed.get(verdict.case, FIRST_LOOK)
        for verdict in verdicts
        if verdict.claim in claims and verdict.outcome is not Outcome.SKIPPED
    }
    words = [
        "--budget",
        f"{_minutes(run, verdicts, again, anew=True)}m",
        "--select",
        shlex.quote(sanitize(",".join(claims), 4000)),
        *_kept(run),
    ]
    return NextCommand(advised(f"bench {' '.join(words)}"), near, beyond)


def resumable(run: Run) -> bool:
    """Whether more of the run can be measured: it did not come to its end, and says what that needs."""
    return run.request is not None and not run.ended.complete


def _minutes(run: Run, verdicts: Sequence[Verdict], needed: Mapping[str, int], *, anew: bool = False) -> int:
    """What so many units of each case take, those that are there already left out unless they are measured
    ``anew``."""
    expected = {
        verdict.case: verdict.more_seconds / verdict.more_units for verdict in verdicts if verdict.more_units
    }
    seconds, most = 0.0, 0
    for case, total in needed.items():
        own = [m for m in run.measurements if m.case == case]
        there = sum(1 for m in own if not m.survey and m.status is Status.MEASURED)
        units = total if anew else max(1, total - there)
        seconds += units * (seconds_per_unit(own) or expected.get(case, 0.0))
        most = max(most, units)
    return max(1, math.ceil(ALLOWANCE * (START_UP * most + seconds) / 60))


def _resuming(run: Run, minutes: int = 0) -> str:
    """The options that resume the run: its folder as one would type it from here, and the paths that it was
    given."""
    words = ["--resume", shlex.quote(near(run.folder))]
    words += ["--budget", f"{minutes}m"] if minutes else []
    typed = iter(_typed(run))
    for word in typed:
        option, equals, value = word.partition("=")
        if option in _PATHS and (given := value if equals else next(typed, "")):
            words += [option, shlex.quote(sanitize(given, 4000))]
    return " ".join(words)


def near(folder: Path) -> str:
    """The folder as one would type it from here."""
    try:
        return sanitize(folder.resolve().relative_to(Path.cwd()), 4000)
    except (ValueError, OSError):
        return sanitize(folder, 4000)


def _typed(run: Run) -> list[str]:
    """The words behind the command, as they were typed."""
    typed = run.facts.get("command", [])
    if not isinstance(typed, list) or not all(isinstance(word, str) for word in typed):
        return []
    return typed[1:] if typed[:1] == ["bench"] else typed


def _kept(run: Run) -> list[str]:
    """The options that the run was started with, as far as they are not computed anew."""
    kept: list[str] = []
    words = iter(_typed(run))
    for word in words:
        if word in _RECOMPUTED:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in _RECOMPUTED)):
            kept.append(shlex.quote(sanitize(word)))
    return kept
