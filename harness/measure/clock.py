"""Seconds of a round: a host clock, a CUDA-event clock, and a fake one for tests.

A clock runs the work itself, so that nothing but the work stands between its two readings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

Iteration = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Elapsed:
    """One timed region: its seconds in all, the host's share of them where it differs, and the last call's
    result."""

    seconds: float
    host_seconds: float | None = None
    result: object = None


class Clock(Protocol):
    """What a measurement needs from a clock."""

    def lap(self, work: Iteration, iterations: int) -> Elapsed:
        """Call ``work`` that many times (at least once); what it took."""
        ...

    def now(self) -> float:
        """Seconds since some fixed moment, for budgets and warm-up; never for samples."""
        ...


class HostClock:
    """``time.perf_counter`` around the calls: right for work that is done when the call returns.

    ``settle`` waits for what the calls may have left under way, on a device for example; the wait counts as
    theirs.
    """

    def __init__(self, settle: Callable[[], object] | None = None) -> None:
        self._settle = settle

    def lap(self, work: Iteration, iterations: int) -> Elapsed:
        """Time the calls on the host. Results but the last are dropped at once, as a loop would drop them."""
        ahead = repeat(None, iterations - 1)
        start = perf_counter()
        for _ in ahead:
            work()
        result = work()
        if self._settle is not None:
            self._settle()
        end = perf_counter()
        return Elapsed(end - start, None, result)

    def now(self) -> float:
        """The host's monotonic seconds."""
        return perf_counter()


class CudaClock:
    """Two events around many calls and one synchronise at the end.

    ``seconds`` is the device's time between the events, ``host_seconds`` the host's time until everything was
    launched; where the host's is as long as the device's, the work is launch-bound. The round's start is
    queued right behind its lead-in, so the device does not idle before the first kernel. Synchronising once a
    round, not once a call, keeps the launch-ahead that real loops get.
    """

    def __init__(self, device: torch.device) -> None:
        import torch

        self._cuda = torch.cuda
        self._device = device
        self._start = torch.cuda.Event(enable_timing=True)
        self._end = torch.cuda.Event(enable_timing=True)

    def lap(self, work: Iteration, iterations: int) -> Elapsed:
        """Time the calls on the device; the device is idle when this returns."""
        ahead = repeat(None, iterations - 1)
        self._start.record()
        start = perf_counter()
        for _ in ahead:
            work()
        result = work()
        launched = perf_counter()
        self._end.record()
        self._end.synchronize()
        return Elapsed(self._start.elapsed_time(self._end) / 1e3, launched - start, result)

    def now(self) -> float:
        """The host's monotonic seconds, once the device has caught up."""
        self._cuda.synchronize(self._device)
        return perf_counter()


class FakeClock:
    """A clock that stands still until the work moves it: tests script every duration and never sleep."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def advance(self, seconds: float) -> None:
        """Let that much time pass."""
        self.seconds += seconds

    def lap(self, work: Iteration, iterations: int) -> Elapsed:
        """The time by which the calls moved the clock."""
        start = self.seconds
        for _ in range(iterations - 1):
            work()
        result = work()
        return Elapsed(self.seconds - start, None, result)

    def now(self) -> float:
        """The seconds passed so far."""
        return self.seconds


def clock_for(device: torch.device, *, synchronous: bool = False) -> Clock:
    """The clock for work on ``device`` (a ``torch.device``); ``synchronous`` work (loaders) is timed on the
    host.

    An epoch that ends on a GPU is over when its last copy and its last step are.
    """
    if device.type != "cuda":
        return HostClock()
    if not synchronous:
        return CudaClock(device)
    import torch

    return HostClock(settle=lambda: torch.cuda.synchronize(device))
