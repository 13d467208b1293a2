"""Runners: what sets a variant up and runs its rounds, in this process or in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.measure.clock import Clock, Iteration
from harness.measure.variant import Variant
from harness.model import WarningCode
from harness.probes.peak import ALLOCATOR
from harness.store import write_snapshot

if TYPE_CHECKING:
    import torch

    from harness.model import FunctionTime
    from harness.probes.profile import ProfiledPass

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


class LocalRunner:
    """A variant in this very process. CPU-seconds of ``tree`` are read around rounds where given.

    ``rewarm`` seconds go before every round of iterations shorter than `LONG_ITERATION`: in a live process
    that was stopped, caches fill again in milliseconds, whatever the length of a round. ``settle`` is called
    after every lead-in, which may have started threads: it puts them in their places.
    """

    def __init__(
        self,
        name: str,
        variant: Variant,
        clock: Clock,
        device: torch.device,
        *,
        tree: TreeUsage | None = None,
        rewarm: float = 0.0,
        settle: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self.part = variant.part
        self.iteration: Iteration | None = None
        self._variant = variant
        self._clock = clock
        self._device = device
        self._tree = tree
        self._rewarm = rewarm
        self._settle = settle
        self._latest = 0.0
        self._allocated: dict[str, Reading] = {}
        self._others: set[int] = set()
        self._stack = ExitStack()

    def setup(self) -> None:
        """Set the variant up here."""
        self.iteration = self._stack.enter_context(self._variant.prepare())

    def first_call(self) -> tuple[float, object]:
        """The first iteration, by the clock's plain time: it includes what only the host does."""
        assert self.iteration is not None
        if self._tree:
            self._others = {member.pid for member in self._tree.members()[1:]}
        with self._variant.around():
            start = self._clock.now()
            result = self.iteration()
            self._latest = self._clock.now() - start
        return self._latest, result

    @property
    def window_seconds(self) -> float:
        """What the iteration states."""
        return self.iteration.window_seconds if isinstance(self.iteration, InWindows) else 0.0

    def run_round(self, iterations: int, lead: int) -> Round:
        """A round here: a window, where the iteration has such."""
        if not isinstance(self.iteration, InWindows):
            return self.run_iterations(iterations, lead)
        with self._variant.around():
            found = self.iteration.window(self._tree.cpu_seconds if self._tree else lambda: 0.0)
        readings = {
            name: value / self.part if name in SUMS or name == "cpu_seconds" else value
            for name, value in found.readings.items()
            if self._tree or name != "cpu_seconds"
        }
        return replace(found, part=found.part * self.part, readings=readings)

    def run_iterations(self, iterations: int, lead: int) -> Round:
        """A round of calls, also where the iteration has windows."""
        iteration = self.iteration
        assert iteration is not None
        with self._variant.around():
            for _ in range(lead):
                iteration()
            if self._settle:
                self._settle()
            if self._rewarm and self._latest < LONG_ITERATION:
                self._find_places(iteration)
            before = self._tree.cpu_seconds() if self._tree else 0.0
            lap = self._clock.lap(iteration, iterations)
        self._latest = lap.seconds / iterations
        readings = {
            name: value / self.part if name in SUMS else value
            for name, value in readings_of(lap.result).items()
        }
        if self._tree:
            readings["cpu_seconds"] = (self._tree.cpu_seconds() - before) / iterations / self.part
        return Round(lap.seconds, lap.host_seconds, readings, self.part)

    def _find_places(self, iteration: Iteration) -> None:
        end = self._clock.now() + self._rewarm
        while self._clock.now() < end:
            iteration()

    def read(self, metric: str) -> Reading | None:
        """The allocator's account, kernels by torch's own profile, energy by NVML, or memory of process and
        workers."""
        from harness import probes

        assert self.iteration is not None
        if isinstance(self.iteration, ReadsItself) and (own := self.iteration.own_reading(metric)):
            return own
        if metric == "tree_bytes":
            return self._footprint()
        on_gpu = getattr(self._device, "type", "cpu") == "cuda"
        if metric == TRACKED or (metric != "peak_bytes" and not on_gpu):
            return None
        if metric in ALLOCATOR:
            # One pass reads all of them; each is given once, and asking for the first again is another pass.
            if metric == ALLOCATOR[0]:
                with self._variant.around():
                    self._allocated = probes.allocations(self.iteration, self._device)
            return self._allocated.pop(metric, None)
        with self._variant.around():
            match metric:
                case "launches":
                    return probes.launches(self.iteration, self._device)
                case "joules":
                    return probes.joules(self.iteration, probes.cuda_uuid(self._device), self._clock.now)
        raise ValueError(f"no reading is called {metric!r}")

    def profile(self, file: Path) -> ProfiledPass:
        """A traced pass of its own into ``file``; see `harness.probes.profile`. Not a part of any round."""
        from harness.probes.profile import profile

        assert self.iteration is not None
        with self._variant.around():
            return profile(self.iteration, self._device, file)

    def functions(self) -> tuple[FunctionTime, ...]:
        """Which Python functions an iteration spends its time in; see `harness.probes.functions`."""
        from harness.probes.functions import functions

        assert self.iteration is not None
        with self._variant.around():
            return functions(self.iteration)

    def held_at_peak(self) -> dict[str, int]:
        """Bytes alive at an iteration's peak, by operator; see `harness.probes.held`."""
        from harness.probes.held import held_at_peak

        assert self.iteration is not None
        with self._variant.around():
            return held_at_peak(self.iteration, self._device)

    def _footprint(self) -> Reading:
        """This process and the workers that came with the variant; other variants live in this process
        too."""
        assert self._tree is not None
        workers = {member.pid for member in self._tree.members()[1:]} - self._others
        bytes_held, source = self._tree.memory_with(workers)
        return float(bytes_held), f"{source}, after its first epoch, other variants in the same process"

    def snapshot(self, path: Path) -> None:
        """What one iteration does with this process's share of the GPU's memory."""
        from harness import probes

        assert self.iteration is not None
        with self._variant.around():
            taken = probes.snapshot(self.iteration, self._device)
        write_snapshot(path, taken)

    def teardown(self) -> None:
        """Close what was set up."""
        self.iteration = None
        self._stack.close()
