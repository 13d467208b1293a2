"""The runner of a variant in this very process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.measure.clock import Clock, Iteration
from harness.measure.runner import (
    LONG_ITERATION,
    SUMS,
    TRACKED,
    InWindows,
    Reading,
    ReadsItself,
    Round,
    TreeUsage,
    readings_of,
)
from harness.measure.variant import Variant
from harness.probes.peak import ALLOCATOR
from harness.store import write_snapshot

if TYPE_CHECKING:
    import torch

    from harness.model import FunctionTime
    from harness.probes.profile import ProfiledPass


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
