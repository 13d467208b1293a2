"""What a run was requested to measure, as far as resuming it needs that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The options of a run that a resumption must repeat, and the digests of its benchmark files.

    ``select`` and ``trace`` name claims, ``sources`` has a digest for each file by its path under the
    benchmarks: those that were selected, and every other Python file, which they may import.
    """

    select: tuple[str, ...] = ()
    device: str = "auto"
    trace: tuple[str, ...] = ()
    snapshots: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
