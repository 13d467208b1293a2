"""Measurements that a folder has more than once, in a copy of a file for example: each counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from harness.model import Measurement
from harness.plural import counted


@dataclass(slots=True)
class Repeats:
    """What was read so far, by case, unit and kind of pass."""

    _seen: dict[tuple[str, int, bool, str], tuple[Path, int, int]] = field(default_factory=dict)
    _again: Counter[tuple[Path, Path]] = field(default_factory=Counter)

    def is_new(self, measurement: Measurement, path: Path, number: int, line: bytes, of: str = "") -> bool:
        """Whether the measurement, in that line of a file, was not read before; ``of`` is what it pairs.

        Raises ValueError for another measurement of the same case in the same unit: one of them is not of
        this run.
        """
        key = (measurement.case, measurement.invocation, measurement.survey, of)
        first = self._seen.setdefault(key, (path, number, crc32(line)))
        if first[:2] == (path, number):
            return True
        if first[2] != crc32(line):
            raise ValueError(
                f"another measurement of {measurement.case} in unit {measurement.invocation} than the one in "
                f"{first[0].name}:{first[1]}; remove the file that is not of this run"
            )
        self._again[path, first[0]] += 1
        return False

    def warnings(self) -> Iterator[str]:
        """One for each file that repeats what another has."""
        for (path, first), count in self._again.items():
            yield (
                f"{path}: {counted(count, 'measurement')} of {first.name} once more; "
                f"{'it counts' if count == 1 else 'they count'} once, and the copy can be removed"
            )
