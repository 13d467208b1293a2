"""What ``--resume`` names, for ``bench``, ``gate`` and ``tune``: each resumes its own kind alone."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from harness.store import StoreError
from harness.store.runs import RunEntry, Wanted, find, run_entries, there_are


def named_to_resume(named: str, results: Path, wanted: Wanted) -> RunEntry:
    """What is named, of whatever kind. Raises UsageError that lists what can be resumed."""
    try:
        return find(named, results, wanted)
    except StoreError as error:
        raise UsageError(f"--resume: {error}") from error


def of_kind(kind: str, named: str, results: Path, wanted: Wanted) -> RunEntry:
    """The same of one kind; whether it is complete is for its command to say. Raises UsageError."""
    entry = named_to_resume(named, results, wanted)
    if entry.broken:
        raise UsageError(f"--resume: {entry.broken}")
    if entry.kind == kind and entry.side is None:
        return entry
    what = f"a {entry.kind}" if entry.side is None else "one side of a gate"
    raise UsageError(
        f"--resume: {entry.label} is {what}, and no {wanted.noun}; {there_are(run_entries(results), wanted)}"
    )
