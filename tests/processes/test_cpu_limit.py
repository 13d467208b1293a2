"""How long a process may take to be ready: its own CPU time, whatever the machine does beside it."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.processes.cpu_limit import LONGEST, CpuLimit, cpu_seconds
from harness.workers import client as module
from harness.workers.client import WorkerClient
from harness.workers.codec import Message, encode
from harness.workers.variant_requests import Done, RequestTeardown


class Scripted:
    """A clock, and a process that gets a share of a core."""

    def __init__(self, share: float, longest: float = inf) -> None:
        self.wall = self.cpu = 0.0
        self._share = share
        self.allowance = CpuLimit(1, 100.0, longest=longest, now=lambda: self.wall, used=lambda _: self.cpu)

    def spent_after(self, seconds: float) -> tuple[str, float]:
        """The first reason within so many seconds of wall time, and after how many."""
        while self.wall < seconds:
            if spent := self.allowance.spent():
                return spent, self.wall
            self.wall += 1.0
            self.cpu += self._share
        return self.allowance.spent(), self.wall


@pytest.mark.parametrize(
    ("share", "reason", "after"),
    [
        (1.0, "it used 100 s of CPU time", 100),
        (4.0, "it used 100 s of CPU time", 100),  # many threads: it has no less time than on one core
        (0.25, "it used 100 s of CPU time", 370),  # three others beside it: four times as long
        (0.02, f"it took {LONGEST * 100} s", LONGEST * 100),
        (0.0, "it did nothing for 100 s", 100),
        (0.001, "it did nothing for 100 s", 100),
    ],
)
def test_what_an_allowance_is_spent_on(share: float, reason: str, after: float) -> None:
    """A process that works is given its CPU time; one that hangs is given up after as many seconds of the
    clock."""
    why, seconds = Scripted(share).spent_after(2_000)
    assert why == reason
    assert seconds == pytest.approx(after, abs=1)


@pytest.mark.parametrize(
    ("longest", "reason", "after"), [(30.0, "it took 30 s", 30), (2_000.0, "it used 100 s of CPU time", 370)]
)
def test_a_process_has_no_more_time_than_there_is(longest: float, reason: str, after: float) -> None:
    """A budget of wall time ends it, however little it has done, and gives it no more than its allowance."""
    why, seconds = Scripted(0.25, longest).spent_after(2_000)
    assert why == reason
    assert seconds == pytest.approx(after, abs=1)


def test_a_process_that_paused_for_long_is_not_given_up_when_it_goes_on() -> None:
    """It counts from the last time that it did something."""
    process = Scripted(0.5)
    assert process.spent_after(90)[0] == ""
    process._share = 0.0
    assert process.spent_after(180)[0] == ""
    process._share = 0.5
    assert process.spent_after(240)[0] == ""
    process._share = 0.0
    why, seconds = process.spent_after(400)
    assert why == "it did nothing for 100 s"
    assert seconds == pytest.approx(340, abs=2)


def test_what_hangs_may_be_given_up_earlier() -> None:
    """A process has its CPU time as long as it works, and less time in which it does nothing."""
    process = Scripted(1.0)
    process.allowance = CpuLimit(1, 100.0, idle=30.0, now=lambda: process.wall, used=lambda _: process.cpu)
    assert process.spent_after(50)[0] == ""
    process._share = 0.0
    why, seconds = process.spent_after(2_000)
    assert why == "it did nothing for 30 s"
    assert seconds == pytest.approx(81, abs=3)


def test_few_checks_read_cpu_time() -> None:
    """What answers in the first tenth costs no reading, and then there are ten in an allowance: what is
    measured meanwhile is not to be disturbed."""
    read: list[float] = []
    wall = 0.0

    def used(pid: int) -> float:
        assert pid == 7
        read.append(wall)
        return 500.0 + wall

    allowance = CpuLimit(7, 100.0, now=lambda: wall, used=used)
    while not (spent := allowance.spent()):
        wall += 0.5
    assert spent == "it used 100 s of CPU time"
    assert read == [10.0 * number for number in range(1, 11)]


def test_who_looks_late_gives_nothing_up() -> None:
    """Where the first look comes after the whole allowance (this process was stopped), the other may have
    worked all the while: what it does from then on counts."""
    process = Scripted(0.0)
    process.wall, process.cpu, process._share = 500.0, 30.0, 1.0
    assert process.spent_after(580)[0] == ""
    assert process.spent_after(700) == ("it used 100 s of CPU time", 590.0)


def test_cpu_time_is_the_processs_own() -> None:
    """It grows with its work; a process that is gone has none."""
    before = cpu_seconds(os.getpid())
    assert before > 0
    while cpu_seconds(os.getpid()) == before:
        sum(range(100_000))
    assert cpu_seconds(2**22 + 1) == 0.0  # beyond any number that Linux gives


@pytest.mark.parametrize("answers", [[None, None, Done()], [None, None, None, Done()]])
def test_a_client_waits_as_long_as_its_process_may_take(
    answers: list[Message | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the allowance is spent, and once more: what was sent by then counts."""
    spent = iter(["", "", "it used 180 s of CPU time"])
    monkeypatch.setattr(module, "CpuLimit", lambda *_, **__: SimpleNamespace(spent=lambda: next(spent)))
    done: list[str] = []
    sent = iter(answers)
    waits: list[float] = []

    def receive(timeout: float) -> dict[str, object] | None:
        waits.append(timeout)
        message = next(sent)
        return None if message is None else encode(message)

    process: Any = SimpleNamespace(
        pid=1, channel=SimpleNamespace(receive=receive), ended=False, resume=lambda: done.append("resume"),
        pause=lambda: done.append("pause"), end=lambda: done.append("end"),
    )  # fmt: skip
    client = WorkerClient("head", process, Path("head"), 180.0)
    assert client.receive() == Done()
    assert done == ["resume", "pause"]
    assert waits[-1] == (0.0 if len(answers) == 4 else 0.5)


def test_a_client_gives_up_what_has_used_its_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is ended, and the message has the reason."""
    monkeypatch.setattr(
        module, "CpuLimit", lambda *_: SimpleNamespace(spent=lambda: "it did nothing for 180 s")
    )
    done: list[str] = []
    process: Any = SimpleNamespace(
        pid=1, channel=SimpleNamespace(receive=lambda _: None), ended=False, resume=lambda: done.append("resume"),
        pause=lambda: done.append("pause"), end=lambda: done.append("end"),
    )  # fmt: skip
    with pytest.raises(
        TimeoutError, match="no answer from head: it did nothing for 180 s; its process was ended"
    ):
        WorkerClient("head", process, Path("head"), 180.0).receive()
    assert done == ["resume", "end", "pause"]


def test_what_is_requested_may_have_less_time_than_its_cpu_time_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A budget of wall time ends a request; without CPU time its limit is one of the clock."""
    limits: list[tuple[object, ...]] = []

    def limit(pid: int, seconds: float, *, longest: float) -> SimpleNamespace:
        limits.append((pid, seconds, longest))
        return SimpleNamespace(spent=lambda: "")

    monkeypatch.setattr(module, "CpuLimit", limit)
    waits: list[float] = []

    def receive(timeout: float) -> dict[str, object]:
        waits.append(timeout)
        return encode(Done())

    process: Any = SimpleNamespace(
        pid=1, channel=SimpleNamespace(receive=receive, send=lambda **_: None), ended=False, resume=lambda: None,
        pause=lambda: None,
    )  # fmt: skip
    for cpu_time in (False, True):
        client = WorkerClient("head", process, Path("head"), 60.0, cpu_time=cpu_time)
        client.longest = 90.0
        client.request(RequestTeardown("tip"))
    assert limits == [(1, 60.0, 90.0)]
    assert waits == [60.0, 0.5]
