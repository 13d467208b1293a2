"""Changes to saved runs: named, tagged, removed, kept as a baseline.

A name and tags lie in a file of their own in the run's folder, so that a folder copied from another machine
brings them along; nothing in a run depends on where it lies.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from harness.program import advised
from harness.store import GATE_FILE, RUN_FILE, StoreError
from harness.store.files import SET_FILE
from harness.store.lines import line_of, read_lines, record_in
from harness.store.parts import kind_of_file
from harness.store.runs import (
    BASELINES,
    LABELS_FILE,
    LATEST,
    NAME,
    RunEntry,
    is_saved,
    open_entry,
    run_entries,
)
from harness.store.whole_file import write_whole

_MACHINE = re.compile(r"[0-9a-f]{6,64}")
_NOT_LINES = ("telemetry",)
"""Files of records that are large and prove nothing of a level; a baseline does without them."""


def label(
    entry: RunEntry, *, name: str | None = None, add: Iterable[str] = (), drop: Iterable[str] = ()
) -> RunEntry:
    """Name or tag a run; an empty name takes the name away. Raises StoreError."""
    tags = dict.fromkeys([*entry.tags, *add])
    for tag in drop:
        if tag not in tags:
            raise StoreError(f"{entry.label} has no tag {tag!r}; it has {', '.join(entry.tags) or 'none'}")
        del tags[tag]
    changed = replace(entry, name=entry.name if name is None else name, tags=tuple(tags))
    for word in (*tags, *([changed.name] if changed.name else [])):
        if not NAME.fullmatch(word) or word.startswith((LATEST, "baseline")):
            raise StoreError(
                f"{word[:80]!r} cannot be a name or a tag: letters, digits, . _ + - only, at most 80, and nothing that "
                f"begins with {LATEST} or baseline"
            )
    if changed.name and changed.name != entry.name:
        for other in run_entries(entry.folder.resolve().parent):
            if changed.name in (other.name, other.folder.name) and not _same(other.folder, entry.folder):
                raise StoreError(
                    f"{changed.name} is already what {other.folder} is called; take that name away first"
                )
    _write(entry.folder / LABELS_FILE, {"name": changed.name, "tags": list(changed.tags)})
    return changed


def check_removable(entry: RunEntry, results: Path) -> Path:
    """The folder to remove. Raises StoreError for what is not a run's own folder directly in the results."""
    folder = entry.folder
    if folder.is_symlink():
        raise StoreError(
            f"{folder} is a link, and is left alone: remove it, or the folder it points to, by hand"
        )
    if not is_saved(folder):
        raise StoreError(f"{folder} is not a run of ours, and is left alone")
    if any((folder / name).is_symlink() for name in (RUN_FILE, GATE_FILE, SET_FILE)):
        raise StoreError(
            f"{folder} is not a run of ours: its records are links to elsewhere; it is left alone"
        )
    if folder.resolve().parent != results.resolve():
        raise StoreError(
            f"{folder} does not lie in {results}, and is left alone; name its folder with --results"
        )
    return folder


def remove(entry: RunEntry, results: Path) -> None:
    """Remove a run's folder; links in it are removed, and never followed. Raises StoreError."""
    folder = check_removable(entry, results)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(f"cannot remove {folder}: {error.strerror or error}") from error


def set_baseline(entry: RunEntry, results: Path) -> Path:
    """Copy a run's records, without traces, logs and telemetry, to its machine's baseline; an older one is
    replaced.

    It is made to be committed: of the folders and files that were typed, and of those that the run used, only
    their own names are in it.

    Raises StoreError, for a run without a finished measurement, too.
    """
    run = open_entry(entry)
    if entry.side is not None:
        raise StoreError(f"{entry.label} is one side of a gate; a baseline is a run: {advised('bench')}")
    if not any(measurement.trials for measurement in run.measurements):
        raise StoreError(f"{entry.folder} has no finished measurement and cannot be a baseline")
    machine = str(run.environment.get("machine_id", ""))
    if not _MACHINE.fullmatch(machine):
        raise StoreError(f"{entry.folder} does not name the machine it is from and cannot be its baseline")
    place = results / BASELINES / machine
    draft = place.with_name(f".{machine}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for path in sorted(entry.folder.glob("*.jsonl")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith(_NOT_LINES):
                if kind_of_file(path.name) == RUN_FILE:
                    _copy_without_folders(path, draft / path.name)
                else:
                    shutil.copyfile(path, draft / path.name)
        _write(draft / LABELS_FILE, {"name": "", "tags": [], "of": entry.label})
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}") from error
    return place


def _copy_without_folders(source: Path, target: Path) -> None:
    """Copy a run's own file; paths in its first record become the names at their ends."""
    with target.open("xb") as written:
        for _, line in read_lines(source, []):
            record = record_in(line)
            if record["record"] in ("run", "resume"):
                record.pop("request", None)  # a baseline is compared with, and not resumed
                record |= {
                    name: _named_only(value)
                    for name, value in record.items()
                    if name in ("command", "benchmarks", "data", "python")
                }
            written.write(line_of(record))


def _named_only(value: Any) -> Any:
    if isinstance(value, list):
        return [_named_only(each) for each in value]
    if not isinstance(value, str):
        return value
    option, equals, path = value.rpartition("=") if value.startswith("--") else ("", "", value)
    return f"{option}{equals}{PurePath(path).name}" if path.startswith(("/", "~", "..")) else value


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        write_whole(path, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
