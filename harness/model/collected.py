"""What a process found when it imported benchmark files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.model.measurement import Status


@dataclass(frozen=True, slots=True)
class Collected:
    """The cases that were found, and why files have none.

    ``broken`` holds what could not be imported, ``skipped`` what skips itself as a whole, ``removed`` of what
    no case is left although nothing says that it is to be skipped; each maps a benchmark
    (``path::function``), a file, or a folder for all of its files, relative to the folder of benchmarks, to
    the reason.
    """

    cases: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)

    def why_absent(self, name: str) -> tuple[Status, str] | None:
        """Whether a benchmark, or a file as a whole, was skipped or failed, and why; None where it was
        imported."""
        path = name.partition("::")[0]
        for place in (name, path, *map(str, PurePosixPath(path).parents)):
            if place in self.broken:
                return Status.FAILED, self.broken[place]
            if place in self.skipped:
                return Status.SKIPPED, self.skipped[place]
            if place in self.removed:
                return Status.SKIPPED, self.removed[place]
        return None
