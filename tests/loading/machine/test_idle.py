"""Waiting until threads have come to rest, by script."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from harness.loading.machine.idle import BUSY, LOOKS, PAUSE, await_idle, others_cpu, working_threads


class Threads:
    """Other threads that work until a moment of the clock: seen running, or only by the time that they
    use."""

    def __init__(self, until: float, *, seen: bool) -> None:
        self.seconds, self.used = 0.0, 0.0
        self._until, self._seen = until, seen

    def now(self) -> float:
        """The clock."""
        return self.seconds

    def cpu(self) -> float:
        """CPU time of all threads."""
        return self.used

    def sleep(self, seconds: float) -> None:
        """Time passes, and some of it is used."""
        self.used += seconds * (0.5 if self.seconds < self._until and not self._seen else BUSY / 2)
        self.seconds += seconds

    def working(self) -> int:
        """Threads that are seen to work."""
        return int(self._seen and self.seconds < self._until)


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize(("until", "idle"), [(0.0, True), (0.05, True), (2.0, False)])
def test_threads_are_waited_for(until: float, idle: bool, seen: bool) -> None:
    """Until they rest, some looks in a row; for so long at most."""
    threads = Threads(until, seen=seen)
    found = await_idle(1.0, working=threads.working, cpu=threads.cpu, now=threads.now, sleep=threads.sleep)
    assert found is idle
    expected = until + LOOKS * PAUSE if idle else 1.0
    assert threads.seconds == pytest.approx(expected, abs=2 * PAUSE)


def test_one_look_is_not_enough() -> None:
    """A thread that works every other moment is not at rest."""
    looks = iter([0, 0, 1] * 200)
    threads = Threads(0.0, seen=False)
    found = await_idle(
        1.0, working=lambda: next(looks), cpu=threads.cpu, now=threads.now, sleep=threads.sleep
    )
    assert not found


def test_what_looking_costs_is_not_counted() -> None:
    """The thread that asks may look at hundreds of others, and does not find itself at work."""
    before, own = others_cpu(), time.thread_time()
    while time.thread_time() < own + 0.05:
        working_threads()
    assert others_cpu() - before < 0.025


def test_threads_are_counted_by_what_the_kernel_shows(tmp_path: Path) -> None:
    """Ready to run or waiting for a disk, and not the one that asks; none where there is nothing to read."""
    own = threading.get_native_id()
    for number, letter in ((own, "R"), (own + 1, "R"), (own + 2, "S"), (own + 3, "D")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) b) {letter} 1 2")
    (tmp_path / str(own + 4)).mkdir()
    assert working_threads(tmp_path) == 2
    assert working_threads(tmp_path / "nowhere") == 0
    assert os.getpid() and working_threads() >= 0
