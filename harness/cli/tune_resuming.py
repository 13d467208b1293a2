"""``tune --resume RUN``: which tuning is meant, and whether anything of it is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cli.resumable import of_kind
from harness.errors import UsageError
from harness.model import Certainty, Tuned
from harness.program import advised
from harness.store import TUNED_FILE
from harness.store.codec import from_json
from harness.store.files import text_of
from harness.store.parts import being_measured
from harness.store.runs import RunEntry, Wanted, open_entry
from harness.tune.resume import TuneResumption


@contextmanager
def resumed_tuning(named: str, results: Path) -> Iterator[TuneResumption]:
    """The tuning that ``--resume`` names, marked as being measured. Raises HarnessError."""
    entry = of_kind("tuning", named, results, Wanted("tuning that can be resumed", _resumable))
    with being_measured(entry.folder):
        if _complete(entry.folder):
            raise UsageError(
                f"--resume: {entry.folder} is complete; {advised(f'report {entry.folder}')} shows it"
            )
        yield TuneResumption.of(open_entry(entry))


def _resumable(entry: RunEntry) -> bool:
    return entry.kind == "tuning" and not entry.broken and not _complete(entry.folder)


def _complete(folder: Path) -> bool:
    """Whether its result says that nothing is missing; one that cannot be read is made anew."""
    try:
        found = from_json(Tuned, json.loads(text_of(folder / TUNED_FILE)))
    except (OSError, ValueError, RecursionError):
        return False
    return found.certainty is not Certainty.PROVISIONAL and not found.undone
