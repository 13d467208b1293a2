"""``gate --resume RUN``: which gate is meant, and whether anything of it is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cli.resumable import of_kind
from harness.errors import UsageError
from harness.gate.resume import GateResumption
from harness.program import advised
from harness.report.builders.gate_records import result_from
from harness.store import GATE_FILE, RESULT_FILE
from harness.store.files import text_of
from harness.store.gates import load_journal
from harness.store.parts import being_measured
from harness.store.runs import RunEntry, Wanted


@contextmanager
def resumed_gate(named: str, results: Path) -> Iterator[GateResumption]:
    """The gate that ``--resume`` names, marked as being measured. Raises HarnessError."""
    entry = of_kind("gate", named, results, Wanted("gate that can be resumed", _resumable))
    if not (entry.folder / GATE_FILE).is_file():
        raise UsageError(
            f"--resume: {entry.label} is a gate against a saved run, which cannot be resumed: gate again "
            f"({advised('gate')})"
        )
    with being_measured(entry.folder, GATE_FILE):
        if _complete(entry.folder):
            raise UsageError(
                f"--resume: {entry.folder} is complete; {advised(f'report {entry.folder}')} shows it"
            )
        yield GateResumption.of(load_journal(entry.folder))


def _resumable(entry: RunEntry) -> bool:
    journal = entry.folder / GATE_FILE
    return entry.kind == "gate" and not entry.broken and journal.is_file() and not _complete(entry.folder)


def _complete(folder: Path) -> bool:
    """Whether its result says that nothing is missing; one that cannot be read is made anew."""
    try:
        result = result_from(json.loads(text_of(folder / RESULT_FILE)))
    except (OSError, ValueError, RecursionError):
        return False
    return not result.unfinished
