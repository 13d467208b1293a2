"""What the machine could tell apart when it was last tested with identical code: one line for every report of
it."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from harness.model import GateOutcome, GateResult
from harness.plural import counted
from harness.program import advised
from harness.report.builders.gate_records import result_from
from harness.report.format import sanitize
from harness.store import Run, result_files
from harness.store.files import text_of

LARGEST = 64 * 2**20
"""Bytes of a result that is still read."""


def selftest_of(run: Run) -> str:
    """What a report of this run says of its machine."""
    return selftest_line(run.folder.parent, run.environment.get("machine_id")) or (
        f"none on this machine yet; {advised('selftest')} measures what it can resolve"
    )


def selftest_line(results: Path, machine_id: object) -> str:
    """The last selftest of that machine among these results, in a sentence; nothing where there is none.

    Results that cannot be read, or are not ours, are passed over: no report fails for them.
    """
    for path in reversed(result_files(results)):
        result = _read(path)
        if result is not None and result.selftest and result.head.environment.get("machine_id") == machine_id:
            return _said(result)
    return ""


def _read(path: Path) -> GateResult | None:
    try:
        document: Any = json.loads(text_of(path, LARGEST))
        return result_from(document)
    except (OSError, ValueError, RecursionError):
        return None


def _said(result: GateResult) -> str:
    noisy = [
        verdict
        for verdict in result.verdicts
        if verdict.spread is not None and verdict.resolvable is not None
    ]
    alarms = sum(verdict.outcome is GateOutcome.REGRESSED for verdict in result.verdicts)
    when = sanitize(result.started[:10])
    if not noisy:
        return f"{when}: nothing was measured"
    spreads = [verdict.spread or 0.0 for verdict in noisy]
    smallest = [verdict.resolvable or 0.0 for verdict in noisy]
    return (
        f"{when}: identical code differs by {median(spreads):.1%} a unit (at most {max(spreads):.1%}), "
        f"slow-downs from {median(smallest):.1%} are resolved (at worst {max(smallest):.1%}), "
        f"{counted(alarms, 'false alarm')} in {counted(len(noisy), 'decision')}"
    )
