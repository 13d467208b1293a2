"""What a process found when it imported benchmark files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.model.measurement import Status


@dataclass(frozen=True, slots=True)
class Collected:
    """The cases that were found, and why files have none.

    ``broken`` holds what could not be imported, ``skipped`` what skips itself as a whole; each maps a file,
    or a folder for all of its files, relative to the folder of benchmarks, to the reason.
    """

    cases: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    def why_absent(self, path: str) -> tuple[Status, str] | None:
        """Whether a file as a whole was skipped or failed, and why; None where it was imported."""
        for place in (path, *map(str, PurePosixPath(path).parents)):
            if place in self.broken:
                return Status.FAILED, self.broken[place]
            if place in self.skipped:
                return Status.SKIPPED, self.skipped[place]
        return None
