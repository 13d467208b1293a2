"""The memory pass: peaks of each variant, read after the blocks, so that reading them costs no round time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from harness.measure.failure import failure
from harness.measure.runner import VariantRunner
from harness.measure.state import VariantState
from harness.model import CaseWarning, Status, WarningCode
from harness.probes import ALLOCATOR, NoSnapshot


class MemoryPass(Enum):
    """What memory a measurement is to find out: none, the allocator's peaks, or what the variants' processes
    hold."""

    NOTHING = auto()
    ALLOCATOR = auto()
    PROCESSES = auto()


def read_memory(
    entries: Mapping[str, VariantState],
    warnings: list[CaseWarning],
    *,
    snapshot: Callable[[VariantRunner], object] | None,
) -> None:
    """What each variant's memory reached; ``snapshot`` as in `run_session`."""
    for entry in entries.values():
        for name in ALLOCATOR:
            note_reading(entry, name, warnings)
        if snapshot is not None and entry.status is Status.MEASURED:
            keep_snapshot(entry.runner, snapshot, warnings)


def keep_snapshot(
    runner: VariantRunner, snapshot: Callable[[VariantRunner], object], warnings: list[CaseWarning]
) -> None:
    """Take a snapshot of a variant; one that fails is a warning, and none on a device without is nothing."""
    try:
        snapshot(runner)
    except NoSnapshot:
        pass  # reported once for the run, not for every variant
    except Exception as error:
        warnings.append(CaseWarning(WarningCode.NO_SNAPSHOT, runner.name, failure(error)))


def note_reading(entry: VariantState, name: str, warnings: list[CaseWarning]) -> None:
    """Keep a reading of a variant that is still in, if there is one; one that fails is a warning, no
    failure."""
    if entry.status is not Status.MEASURED:
        return
    try:
        if (reading := entry.runner.read(name)) is not None:
            entry.exact[name], entry.sources[name] = reading
    except Exception as error:
        warnings.append(CaseWarning(WarningCode.NO_READING, entry.runner.name, failure(error), name))
