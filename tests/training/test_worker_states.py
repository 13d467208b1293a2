"""What workers do with their time, from files as the kernel has them; waits as a device sees them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.training.device_waits import DeviceWaits
from harness.training.worker_states import WorkerStates


def kernel(place: Path, children: str, **schedstat: str) -> Path:
    """A folder like /proc: the children of this process, and the ``schedstat`` of each."""
    thread = place / "self" / "task" / "1"
    thread.mkdir(parents=True, exist_ok=True)
    (thread / "children").write_text(children)
    for pid, text in schedstat.items():
        (place / pid[1:]).mkdir(exist_ok=True)
        (place / pid[1:] / "schedstat").write_text(text)
    return place


def test_what_is_neither_work_nor_waiting_for_a_core_is_idle(tmp_path: Path) -> None:
    """Over all workers, from the first look to the last; an older child is no worker."""
    moments = iter((10.0, 14.0))
    states = WorkerStates(kernel(tmp_path, "3", p3="0 0 1"), now=lambda: next(moments))
    kernel(tmp_path, "3 5 6", p5="1000000000 0 1", p6="0 0 1")
    states.find()
    kernel(tmp_path, "3 5 6", p3="9000000000 0 1", p5="3000000000 1000000000 1", p6="1000000000 0 1")
    states.look()
    assert states.shares() == {"worker_idle": pytest.approx(0.5), "worker_queued": pytest.approx(0.125)}
    assert states.shares() == {}


def test_workers_that_are_older_than_the_watch(tmp_path: Path) -> None:
    """Persistent workers were there before: without newer children they are the workers. One that ends is
    gone."""
    moments = iter((0.0, 1.0, 2.0))
    states = WorkerStates(kernel(tmp_path, "5", p5="0 0 1"), now=lambda: next(moments))
    states.find()
    kernel(tmp_path, "5", p5="1000000000 0 1")
    states.look()
    (tmp_path / "5" / "schedstat").unlink()
    states.look()
    assert states.shares() == {"worker_idle": 0.0, "worker_queued": 0.0}


@pytest.mark.parametrize("children", ["", "5"])
def test_where_the_kernel_says_nothing(children: str, tmp_path: Path) -> None:
    """No children, no counters, no folder: no shares."""
    states = WorkerStates(kernel(tmp_path, children))
    states.find()
    states.look()
    assert states.shares() == {}
    elsewhere = WorkerStates(tmp_path / "none")
    elsewhere.find()
    assert elsewhere.shares() == {}


class Event:
    """An event of a GPU that is done when it is asked for; each is a millisecond behind the one before."""

    made = 0

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.moment = 0

    def record(self) -> None:
        """Note the moment."""
        Event.made += 1
        self.moment = Event.made

    def query(self) -> bool:
        """Not yet."""
        return False

    def synchronize(self) -> None:
        """Done."""

    def elapsed_time(self, other: Event) -> float:
        """Milliseconds."""
        return float(other.moment - self.moment)


def torch(*, used: bool) -> Any:
    """A stand-in for torch, with a GPU that is used or not."""
    return SimpleNamespace(cuda=SimpleNamespace(Event=Event, is_initialized=lambda: used))


def test_waits_of_a_gpu() -> None:
    """Each is between its two events, in seconds, in the order of the waits, and given once."""
    waits = DeviceWaits(torch(used=True))
    for _ in range(70):
        waits.begins()
        waits.ends()
    waits.begins()
    assert waits.all() == [pytest.approx(0.001)] * 70
    assert waits.all() == []


def test_no_gpu_no_waits() -> None:
    """Nothing is recorded before a GPU is used."""
    waits = DeviceWaits(torch(used=False))
    waits.begins()
    waits.ends()
    assert waits.all() == []
