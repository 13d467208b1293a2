"""Weigh the variants of a contest: a pass of its own after the blocks, so that no peak costs a round time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from harness.contest.entrant import Entrant
from harness.contest.entry import Entry
from harness.contest.failure import failure
from harness.model import Status
from harness.probes import ALLOCATOR, NoSnapshot


class Weigh(Enum):
    """What memory a contest is to find out: none, the allocator's peaks, or what the variants' processes hold."""

    NOTHING = auto()
    ALLOCATOR = auto()
    PROCESSES = auto()


def weigh_all(
    entries: Mapping[str, Entry], warnings: list[str], *, snapshot: Callable[[Entrant], object] | None
) -> None:
    """What each variant's memory reached; ``snapshot`` as in `hold`."""
    for entry in entries.values():
        for name in ALLOCATOR:
            note_reading(entry, name, warnings)
        if snapshot is not None and entry.status is Status.MEASURED:
            try:
                snapshot(entry.entrant)
            except NoSnapshot:
                continue  # said once for the run, not for every variant
            except Exception as error:
                warnings.append(f"no memory snapshot of {entry.entrant.name}: {failure(error)}")


def note_reading(entry: Entry, name: str, warnings: list[str]) -> None:
    """Keep a reading of a variant that is still in, if there is one; one that fails is a warning, no failure."""
    if entry.status is not Status.MEASURED:
        return
    try:
        if (reading := entry.entrant.read(name)) is not None:
            entry.exact[name], entry.sources[name] = reading
    except Exception as error:
        warnings.append(f"no {name} of {entry.entrant.name}: {failure(error)}")
