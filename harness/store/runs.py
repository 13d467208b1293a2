"""Saved runs as a whole: found by folder, name, beginning or age, listed and opened."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.model import Side
from harness.plural import counted
from harness.program import advised
from harness.store import (
    GATE,
    GATE_FILE,
    LOOP,
    RESULT_FILE,
    RUN_FILE,
    TUNE,
    Run,
    StoreError,
    begun,
    load,
    read_run_record,
)
from harness.store.files import SET_FILE, text_of
from harness.store.gates import load_side

LABELS_FILE = "labels.json"
BASELINES = "baselines"
LATEST = "latest"

NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,79}", re.ASCII)
"""A run's name, or a tag of it."""

_KINDS = ("run", "set", "tuning", "loop", "gate")
_LARGEST_LABELS = 2**16


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A saved run as a list shows it, from its first record alone; ``side`` where one side of a gate is
    meant."""

    folder: Path
    name: str = ""
    tags: tuple[str, ...] = ()
    started: str = ""
    profile: str = ""
    gate: bool = False
    side: Side | None = None
    broken: str = ""
    is_set: bool = False

    @property
    def ran(self) -> bool:
        """Whether it is a run or a set that came as far as measuring, and so may be the latest: a gate or a
        tuning never is."""
        return self.is_set or (self.kind == "run" and begun(self.folder))

    @property
    def kind(self) -> str:
        """What it is: a run, a tuning, a watched loop, a gate or a set."""
        if self.is_set:
            return "set"
        return "gate" if self.gate else {TUNE: "tuning", LOOP: "loop"}.get(self.profile, "run")

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides of a gate whose samples are in its folder: those of a saved run are in its own."""
        return (Side.HEAD,) if (self.folder / RUN_FILE).is_file() else (Side.BASE, Side.HEAD)

    @property
    def label(self) -> str:
        """Its name, else its folder's."""
        called = self.name or self.folder.resolve().name
        return f"{called}@{self.side}" if self.side else called


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a word is to name: its ``noun`` in messages, and which saved ones fit; only these are listed."""

    noun: str = "run"
    fits: Callable[[RunEntry], bool] = lambda _: True


ANYTHING = Wanted()
RUNS = Wanted(fits=lambda entry: entry.kind in ("run", "set"))
COMPARABLE = Wanted(fits=lambda entry: entry.kind in ("run", "set", "gate"))


class NoSuchRunError(StoreError):
    """A word names nothing that was saved."""


def run_entries(results: Path) -> list[RunEntry]:
    """The runs and gates in a results folder, by when they started; what cannot be read is listed as
    broken."""
    if not results.is_dir():
        return []
    found = [_entry(folder) for folder in results.iterdir() if folder.is_dir() and is_saved(folder)]
    return sorted(found, key=lambda entry: (_moment(entry), entry.folder.name))


def is_run(folder: Path) -> bool:
    """Whether a run or a gate wrote this folder."""
    return any((folder / name).is_file() for name in (RUN_FILE, GATE_FILE))


def is_saved(folder: Path) -> bool:
    """Whether it is a run's, a gate's or a set's folder."""
    return is_run(folder) or (folder / SET_FILE).is_file()


def runs_of(entry: RunEntry) -> list[RunEntry]:
    """The runs of a set, by their names; of anything else, itself."""
    if not entry.is_set:
        return [entry]
    found = [
        _entry(folder) for folder in sorted(entry.folder.iterdir()) if folder.is_dir() and is_run(folder)
    ]
    return [replace(each, name=f"{entry.label}/{each.folder.name}") for each in found]


def find(word: str | Path, results: Path, wanted: Wanted = ANYTHING) -> RunEntry:
    """The run meant by a folder, a name, a unique beginning of either, ``latest``, ``latest~2`` or
    ``baseline``.

    ``@base`` or ``@head`` behind it means one side of a gate. What is found need not be what is ``wanted``:
    that decides between several, and what is listed. Raises StoreError naming what there is.
    """
    text = str(word)
    if text.endswith((f"@{Side.BASE}", f"@{Side.HEAD}")):
        text, _, side = text.rpartition("@")
        entry = find(text, results, wanted)
        if not entry.gate:
            raise StoreError(f"{text} is not a gate: it has no {GATE_FILE}, and so no side called {side}")
        return replace(entry, side=Side(side))
    if match := re.fullmatch(rf"{LATEST}(?:~(\d{{1,6}}))?", text):
        return _nth(int(match[1] or 0), text, results)
    if text == "baseline" or text.startswith("baseline/"):
        return _baseline(text.partition("/")[2], results)
    if text and _there(text, Path.is_dir):
        folder = Path(text)
        if not is_saved(folder):
            raise StoreError(f"{folder} is not a run: it has no {RUN_FILE}; name a folder under {results}/")
        return _entry(folder)
    if text and _there(text, Path.is_file):
        raise StoreError(f"{text} is a file, and no run: name the folder it lies in")
    return _named(text, results, wanted)


def open_entry(entry: RunEntry, *, telemetry: bool = True) -> Run:
    """Everything that was saved of it, with or without its telemetry. Raises StoreError."""
    if entry.is_set:
        runs = _some(each.label for each in runs_of(entry)) or "none yet"
        raise StoreError(f"{entry.folder} is a set of runs; name one of them ({runs})")
    if entry.side is not None and entry.side not in entry.sides:
        raise StoreError(f"{entry.folder} has a stored run as its base: name that run instead")
    if entry.side is not None and Side.BASE in entry.sides:
        return load_side(entry.folder, entry.side, telemetry=telemetry)
    if not (entry.folder / RUN_FILE).is_file():
        raise StoreError(
            f"{entry.folder} is a gate; compare one side of it: {entry.label}@base or {entry.label}@head"
        )
    return load(entry.folder, telemetry=telemetry)


def size(folder: Path) -> int:
    """Bytes of the files in a run's folder; links count nothing."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top) / name
            if not path.is_symlink() and path.is_file():
                total += path.stat().st_size
    return total


def _there(text: str, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(Path(text))
    except (OSError, ValueError):  # a word longer than any path, say
        return False


def _nth(back: int, text: str, results: Path) -> RunEntry:
    known = run_entries(results)
    runs = [entry for entry in known if entry.ran]
    if not runs:
        raise StoreError(no_runs(results, known))
    if back >= len(runs):
        many = counted(len(runs), "run")
        raise StoreError(f"{text}: {results} has {many}, the oldest is {LATEST}~{len(runs) - 1}")
    return runs[-1 - back]


def kinds(known: Sequence[RunEntry]) -> str:
    """What there is, in words: ``2 runs, 1 tuning, 2 gates``; ``0 runs`` for nothing."""
    found = Counter(entry.kind for entry in known) or Counter({"run": 0})
    return ", ".join(counted(found[kind], kind) for kind in _KINDS if kind in found)


def no_runs(results: Path, known: Sequence[RunEntry]) -> str:
    """The message where no run can be shown: what else there is, and how to make one."""
    there = f"; there is nothing but {kinds(known)} ({advised('runs')} lists them)" if known else ""
    return f"no runs in {results} that measured anything{there}; make one with: {advised('bench')}"


def baselines(results: Path) -> list[Path]:
    """The folders of the machines' baselines, by the machines' identities."""
    place = results / BASELINES
    return sorted(folder for folder in place.iterdir() if is_run(folder)) if place.is_dir() else []


def _baseline(machine: str, results: Path) -> RunEntry:
    place = results / BASELINES
    kept = baselines(results)
    fitting = [path for path in kept if path.name.startswith(machine)]
    if not fitting:
        raise StoreError(
            f"no baseline {machine or ''} in {place}; keep one with: {advised('baseline set RUN')}"
        )
    if len(fitting) > 1:
        raise StoreError(
            f"there are baselines of {_some(path.name for path in fitting)}: name one, baseline/MACHINE"
        )
    return replace(_entry(fitting[0]), name=f"baseline/{fitting[0].name}")


def _named(text: str, results: Path, wanted: Wanted) -> RunEntry:
    if "/" in text and (inner := _in_set(text, results)) is not None:
        return inner
    known = run_entries(results)
    exact = [entry for entry in known if text and text in (entry.name, entry.folder.name)]
    begun = [entry for entry in known if entry.folder.name.startswith(text) or entry.name.startswith(text)]
    fitting = exact or (begun if text else [])
    if len(fitting) > 1:
        fitting = list(filter(wanted.fits, fitting)) or fitting
    if len(fitting) > 1:
        raise StoreError(f"{text} may be {_some(entry.label for entry in fitting)}: type more of it")
    if not fitting:
        raise NoSuchRunError(f"no {wanted.noun} is called {text!r} in {results}; {there_are(known, wanted)}")
    return fitting[0]


def there_are(known: Sequence[RunEntry], wanted: Wanted = ANYTHING) -> str:
    """Which of them fit, the latest first: ``there are b, a (tipbench runs)``."""
    fitting = [entry.label for entry in reversed(known) if wanted.fits(entry)]
    return f"there {'is' if len(fitting) == 1 else 'are'} {_some(fitting) or 'none'} ({advised('runs')})"


def _in_set(text: str, results: Path) -> RunEntry | None:
    """The run that is meant by a set and a name in it, ``2026-11-30_12-00-00/n1``."""
    set_name, _, name = text.partition("/")
    known = [
        entry
        for entry in run_entries(results)
        if entry.is_set and set_name in (entry.name, entry.folder.name)
    ]
    inner = [each for entry in known for each in runs_of(entry) if each.folder.name == name]
    return inner[0] if len(inner) == 1 else None


def _entry(folder: Path) -> RunEntry:
    name, tags = _labels(folder)
    if not is_run(folder):
        return _set_entry(folder, name, tags)
    gate = not (folder / RUN_FILE).is_file()
    try:
        record = read_run_record(folder / (GATE_FILE if gate else RUN_FILE))
        # Gates against a saved run were once recorded with a run's profile; their result is a gate's.
        gate = gate or record.get("profile") == GATE or (folder / RESULT_FILE).is_file()
    except StoreError as error:
        return RunEntry(folder, name, tags, gate=gate, broken=str(error))
    started = record.get("started")
    profile = record.get("profile")
    return RunEntry(
        folder,
        name,
        tags,
        started if isinstance(started, str) else "",
        profile if isinstance(profile, str) else "",
        gate,
    )


def _set_entry(folder: Path, name: str, tags: tuple[str, ...]) -> RunEntry:
    from harness.store.sets import read_set

    try:
        plan = read_set(folder).plan
    except StoreError as error:
        return RunEntry(folder, name, tags, broken=str(error), is_set=True)
    return RunEntry(folder, name, tags, plan.started, plan.profile, is_set=True)


def _labels(folder: Path) -> tuple[str, tuple[str, ...]]:
    """A name and tags; anything else in the file is ignored."""
    path = folder / LABELS_FILE
    try:
        found: Any = json.loads(text_of(path, _LARGEST_LABELS))
    except (OSError, ValueError, RecursionError):
        return "", ()
    if not isinstance(found, dict):
        return "", ()
    name, tags = found.get("name"), found.get("tags")
    fitting = (
        [tag for tag in tags if isinstance(tag, str) and NAME.fullmatch(tag)]
        if isinstance(tags, list)
        else []
    )
    return (name if isinstance(name, str) and NAME.fullmatch(name) else ""), tuple(fitting)


def _moment(entry: RunEntry) -> str:
    """A key by which runs sort as they started; by the folder's name where the record has no start."""
    for text, form in ((entry.started, None), (entry.folder.name[:19], "%Y-%m-%d_%H-%M-%S")):
        try:
            moment = (
                datetime.fromisoformat(text) if form is None else datetime.strptime(text, form).astimezone()
            )
            return moment.astimezone(UTC).isoformat()
        except (ValueError, OverflowError, OSError):
            continue
    return ""


def _some(labels: Iterable[str], most: int = 5) -> str:
    listed: Sequence[str] = list(labels)
    left = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {left} more" if left > 0 else "")
