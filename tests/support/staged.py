"""A watch on a stage: a replayed GPU, a clock by script, and looks that the test takes by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.measure.clock import FakeClock
from harness.model import Telemetry
from harness.monitor.run import Monitor
from harness.monitor.sampler import Sampler
from harness.probes.process_usage import ProcessUsage
from harness.store import TELEMETRY_FILE
from harness.store.telemetry import read_telemetry
from tests.support.replayed import UUID, Replayed

CASE = "bench_a.py::bench_a[1]"
ON_GPU = {"gpus": [{"uuid": UUID}], "device": {"type": "cuda", "uuid": UUID}}


class ByHand(Sampler):
    """A sampler without a thread: the test says when to look."""

    def start(self) -> None:
        """Nothing runs by itself."""


class Stage:
    """A watch on a clock by script, over a replayed GPU."""

    def __init__(self, folder: Path, module: Any = None, hertz: float = 20.0) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.clock.seconds = 500.0
        self.module = module or Replayed()
        self.notes: list[str] = []
        self.samplers: list[ByHand] = []
        self.cpu = 0.0
        self.watch = Monitor(
            folder,
            hertz,
            note=self.notes.append,
            module=self.module,
            now=self.clock.now,
            busy=lambda: 3 * self.clock.now(),
            used=lambda: ProcessUsage(self.cpu, 5, 6, 7, 8),
            make=self.make,
        )

    def make(self, *given: Any, **more: Any) -> ByHand:
        """In the place of the sampler's class; looks cost nothing."""
        self.samplers.append(ByHand(*given, spent=lambda: 0.0, **more))
        return self.samplers[-1]

    def passes(self, seconds: float) -> None:
        """Let time pass, with a look every twentieth of a second, at what was recorded for that moment."""
        for _ in range(round(20 * seconds)):
            self.clock.advance(0.05)
            self.module.tick()
            self.samplers[0].look()

    def seen(self) -> Telemetry:
        """What is in the file by now."""
        return read_telemetry(self.folder / TELEMETRY_FILE, [])

    def values(self, quantity: str, case: str | None = None) -> list[float]:
        """What was read of a quantity."""
        return [
            value
            for each in self.seen().series
            if each.quantity == quantity and (case is None or each.case == case)
            for value in each.values
        ]
