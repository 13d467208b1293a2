"""Clocks: what stands between two readings is the work and nothing else."""

from __future__ import annotations

import sys
import weakref
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.measure import clock
from harness.measure.clock import CudaClock, Elapsed, FakeClock, HostClock, clock_for
from tests.support.devices import device_of

GPU: Any = "cuda:1"
"""What stands for a device where it is only handed on."""


class Result:
    """Something that can be seen to be dropped."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, readings of the host's clock included; each reading is a second later than the one
    before."""
    log: list[str] = []

    def perf_counter() -> float:
        log.append("read")
        return float(log.count("read"))

    monkeypatch.setattr(clock, "perf_counter", perf_counter)
    return log


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_the_host_clock_reads_around_the_calls(log: list[str], iterations: int) -> None:
    """One reading before the first call, one after the last, none between; the last call's result comes
    along."""
    results = iter(range(iterations))

    def work() -> int:
        log.append("work")
        return next(results)

    assert HostClock().lap(work, iterations) == Elapsed(1.0, None, iterations - 1)
    assert log == ["read", *["work"] * iterations, "read"]


class Event:
    """A CUDA event that notes what is done with it."""

    def __init__(self, log: list[str], count: int) -> None:
        self.log = log
        self.name = "start" if count == 0 else "end"

    def record(self) -> None:
        """Queue it."""
        self.log.append(self.name)

    def synchronize(self) -> None:
        """Wait for it."""
        self.log.append(f"wait for {self.name}")

    def elapsed_time(self, other: Event) -> float:
        """Milliseconds."""
        assert (self.name, other.name) == ("start", "end")
        return 2500.0


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch, log: list[str]) -> tuple[Any, list[str]]:
    """A torch whose CUDA events write to the log."""
    made: list[Event] = []

    def event(*, enable_timing: bool) -> Event:
        assert enable_timing
        made.append(Event(log, len(made)))
        return made[-1]

    fake: Any = ModuleType("torch")
    fake.cuda = SimpleNamespace(Event=event, synchronize=lambda device: log.append(f"wait for {device}"))
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake, log


def test_the_cuda_clock_records_around_the_calls(torch: tuple[Any, list[str]]) -> None:
    """The events lie right around the calls, there is one wait, at the end, and the host's share stops before
    it."""
    _, log = torch
    timer = CudaClock(GPU)
    lap = timer.lap(lambda: log.append("work"), 3)
    assert log == ["start", "read", "work", "work", "work", "read", "end", "wait for end"]
    assert (lap.seconds, lap.host_seconds) == (2.5, 1.0)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_results_are_dropped_as_in_a_loop(torch: tuple[Any, list[str]], device: str) -> None:
    """A result does not live on while the next but one is made: memory is that of a loop."""
    made: list[weakref.ref[Result]] = []

    def work() -> Result:
        assert all(earlier() is None for earlier in made[:-1])
        result = Result()
        made.append(weakref.ref(result))
        return result

    clock_for(device_of(device)).lap(work, 4)
    assert len(made) == 4


def test_the_cuda_clock_waits_before_it_says_now(torch: tuple[Any, list[str]]) -> None:
    """Budgets count what the device still works on."""
    _, log = torch
    assert CudaClock(GPU).now() == 1.0
    assert log == ["wait for cuda:1", "read"]


def test_the_right_clock_for_the_device(torch: tuple[Any, list[str]]) -> None:
    """CUDA events for work on a GPU; the host's clock on the CPU, and for loaders everywhere."""
    gpu, cpu = device_of("cuda"), device_of("cpu")
    assert isinstance(clock_for(gpu), CudaClock)
    assert isinstance(clock_for(gpu, synchronous=True), HostClock)
    assert isinstance(clock_for(cpu), HostClock)


def test_the_fake_clock_moves_with_the_work() -> None:
    """Scripted durations come out, and time passes for budgets as well."""
    fake = FakeClock()
    assert fake.lap(lambda: fake.advance(0.5), 4) == Elapsed(2.0)
    assert fake.now() == 2.0
