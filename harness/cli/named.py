"""What ``report`` is to show: a run and claims of it, of which either may be left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path

from harness.errors import UsageError
from harness.program import advised
from harness.report.format import sanitize
from harness.store import RUN_FILE, StoreError, read_run_record
from harness.store.runs import LATEST, NoSuchRunError, RunEntry, find, run_entries


def named(word: str, claims: Sequence[str], results: Path) -> tuple[RunEntry, list[str]]:
    """The run and the claims that are meant: a first word that is no run is a claim of the latest. Raises
    HarnessError."""
    try:
        return find(word, results), list(claims)
    except StoreError as error:
        latest = _latest(results)
        if latest is None:
            raise
        if word in _claims(latest):
            return latest, [word, *claims]
        if not isinstance(error, NoSuchRunError):
            raise
        raise UsageError(_neither(word, latest, results)) from None


def nearest(word: str, known: Collection[str], others: Collection[str] = ()) -> str:
    """What may have been meant of the claims ``known`` and of ``others``; all claims where none is near."""
    near = get_close_matches(word.upper(), known, 1) or get_close_matches(word, [*known, *others], 1)
    if near:
        return f"did you mean {sanitize(near[0])}?"
    return f"it has {sanitize(', '.join(known), 400) or 'no claims'}"


def _latest(results: Path) -> RunEntry | None:
    try:
        entry = find(LATEST, results)
    except StoreError:
        return None
    return None if entry.is_set else entry


def _claims(entry: RunEntry) -> list[str]:
    """The claims of a run by its first record; none of what cannot be read."""
    try:
        listed = read_run_record(entry.folder / RUN_FILE).get("claims")
    except StoreError:
        return []
    records = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [name for each in records if isinstance(name := each.get("name"), str)]


def _neither(word: str, latest: RunEntry, results: Path) -> str:
    """A word is no run, and no claim of the latest one: which run has such a claim, else what is near."""
    known = run_entries(results)
    text = f"{sanitize(word)!r} is neither a run in {results} nor a claim of the latest run, {latest.label}; "
    having = next((each for each in reversed(known) if each.kind == "run" and word in _claims(each)), None)
    if having is not None:
        return f"{text}{having.label} has it: {advised(f'report {having.label} {word}')}"
    near = nearest(word, _claims(latest), [LATEST, *(each.label for each in known)])
    return f"{text}{near} ({advised('runs')} lists the runs)"
