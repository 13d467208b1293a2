"""What a runner is: it sets a variant up and runs its rounds, in this process or in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.model import WarningCode
from harness.probes.peak import ALLOCATOR

if TYPE_CHECKING:
    pass

LONG_ITERATION = 0.1
"""Seconds. A single iteration longer than this needs no lead-in (what a lead-in warms is warm within a
millisecond of it) and is steady after one repetition: doubling every epoch of a loader would buy nothing."""


Reading = tuple[float, str]
"""A single number, and where it comes from."""

TRACKED = "tracked"
"""A reading that an iteration gives of itself, and nothing else has."""

READINGS = (*ALLOCATOR, "launches", "joules", "tree_bytes", TRACKED)
"""What can be read of a variant apart from its rounds."""

SUMS = frozenset({"wait_seconds", "copy_seconds"})
"""Readings of a result that grow with the work of its iteration."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a runner: seconds in all, the host's share where it differs, the result's own readings.

    ``part`` is how much of the case's work an iteration did. Readings are of the whole work already.
    ``warnings`` are about this round.
    """

    seconds: float
    host_seconds: float | None = None
    readings: Mapping[str, float] = field(default_factory=dict)
    part: float = 1.0
    warnings: tuple[WarningCode, ...] = ()

    def each(self, iterations: int) -> float:
        """Seconds that the case's work takes, where the round was that many iterations."""
        return self.seconds / iterations / self.part

    def host_each(self, iterations: int) -> float:
        """The host's share of it; 0 where there is none."""
        return (self.host_seconds or 0.0) / iterations / self.part


@runtime_checkable
class InWindows(Protocol):
    """What an iteration has that finds its own rounds: windows of steady running, after a lead-in of its
    own."""

    @property
    def window_seconds(self) -> float:
        """About how long a round takes, lead-in included; known after the first call."""
        ...

    def window(self, cpu_seconds: Callable[[], float]) -> Round:
        """A round of one iteration, whose ``part`` is how many iterations' work it did."""
        ...


@runtime_checkable
class ReadsItself(Protocol):
    """What an iteration has that gives readings of its own."""

    def own_reading(self, metric: str) -> Reading | None:
        """The reading, if the iteration has it."""
        ...


class TreeUsage(Protocol):
    """What a runner reads of a process and the workers below it; `harness.probes.ProcessTree` is one."""

    def cpu_seconds(self) -> float:
        """CPU-seconds that all of them have used so far."""
        ...

    def members(self) -> Sequence[HasPid]:
        """The process, and those below it."""
        ...

    def memory_with(self, workers: Collection[int]) -> tuple[int, str]:
        """The bytes of the process with these workers, and where the number comes from."""
        ...


class HasPid(Protocol):
    """A process by its number."""

    @property
    def pid(self) -> int:
        """The number."""
        ...


class VariantRunner(Protocol):
    """A variant that is measured, in this process or another. Every call may raise whatever the variant
    raises."""

    @property
    def name(self) -> str:
        """The variant's name."""
        ...

    @property
    def window_seconds(self) -> float:
        """Seconds of a round that is a window of steady running, which needs neither calibration nor warm-up;
        0 for rounds of iterations. Known after the first call."""
        ...

    def setup(self) -> None:
        """Set the variant up."""
        ...

    def first_call(self) -> tuple[float, object]:
        """The very first iteration: its seconds and its result."""
        ...

    def run_round(self, iterations: int, lead: int) -> Round:
        """A round of that many iterations, after an untimed lead-in of ``lead`` iterations."""
        ...

    def read(self, metric: str) -> Reading | None:
        """One of `READINGS` and where that number comes from; None where there is no such thing here."""
        ...

    def snapshot(self, path: Path) -> None:
        """Write what one iteration does with a GPU's memory to that file. Raises NoSnapshot."""
        ...

    def teardown(self) -> None:
        """Tidy up; never raises twice for the same runner."""
        ...


def readings_of(result: object) -> Mapping[str, float]:
    """The numbers an iteration's result carries about itself. Raises ValueError for one that is not
    finite."""
    given = getattr(result, "readings", None)
    readings = (
        {str(name): float(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    )
    for name, value in readings.items():
        if not isfinite(value):
            raise ValueError(f"its reading {name} is {value}")
    return readings
