"""A pair of processes by script: how long a side may take for what is requested of it."""

from __future__ import annotations

from functools import partialmethod
from math import inf
from pathlib import Path
from typing import Any

import pytest

from harness.gate.decision import Decision
from harness.gate.pair import SideLost, WorkerPair
from harness.measure.clock import FakeClock
from harness.model import Claim, Side
from harness.processes import cpu_limit
from harness.processes.cpu_limit import CpuLimit
from harness.workers.client import WorkerClient
from harness.workers.codec import encode
from harness.workers.variant_requests import Done

LIMIT = 60.0
DECISION = Decision("a.py::bench", Claim("A", "a tip", "a.py", "bench", time_limit=LIMIT), "tip")


class Slow:
    """A process that replies after so many seconds of wall time, in which it has a share of a core."""

    pid = 1

    def __init__(self, seconds: float, share: float) -> None:
        self.clock = FakeClock()
        self._seconds, self._share = seconds, share
        self.channel = self
        self.ended = False

    def used(self, _: int) -> float:
        """Its CPU time."""
        return self.clock.seconds * self._share

    def send(self, **message: object) -> None:
        """The request arrives."""

    def receive(self, seconds: float) -> object:
        """Each look waits for so long at most."""
        self.clock.advance(min(seconds, self._seconds - self.clock.seconds))
        return encode(Done()) if self.clock.seconds >= self._seconds else None

    def resume(self) -> None:
        """It runs."""

    pause = resume

    def end(self) -> int:
        """It is given up."""
        self.ended = True
        return -9


def profiled(monkeypatch: pytest.MonkeyPatch, process: Slow, longest: float = inf) -> None:
    """A pass on head, after a unit that left it ``longest``."""
    monkeypatch.setattr(cpu_limit, "cpu_seconds", process.used)
    monkeypatch.setattr(CpuLimit, "__init__", partialmethod(CpuLimit.__init__, now=process.clock.now))
    pair = WorkerPair((), Path("benchmarks"), (), Path("out"), 1)
    handle: Any = process
    pair.clients[Side.HEAD] = client = WorkerClient("head", handle, Path("head"), 1.0, cpu_time=True)
    client.longest = longest
    with pair.blame(Side.HEAD, DECISION):
        pair.runner(Side.HEAD, "tip").profile(Path("trace"))


def test_a_pass_has_its_time_limit_as_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three others beside it: it takes four times as long, and is not given up for that, even where no time
    was left for another unit."""
    process = Slow(200.0, 0.25)
    profiled(monkeypatch, process, longest=5.0)
    assert not process.ended


@pytest.mark.parametrize(
    ("share", "why"), [(1.0, "it used 60 s of CPU time"), (0.0, "it did nothing for 60 s")]
)
def test_a_pass_that_does_not_end(monkeypatch: pytest.MonkeyPatch, share: float, why: str) -> None:
    """On a quiet machine it has as many seconds of the clock."""
    process = Slow(1_000.0, share)
    with pytest.raises(SideLost, match=f"no answer from head: {why}; its process was ended"):
        profiled(monkeypatch, process)
    assert process.ended
    assert process.clock.seconds == pytest.approx(LIMIT, abs=1.0)
