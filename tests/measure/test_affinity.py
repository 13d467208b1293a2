"""Threads in places of their own while they are measured, and free to go where they could afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.measure import affinity
from harness.measure.affinity import CorePinning

HERE = os.getpid()


class Threads:
    """A stand-in for the system's threads and their masks."""

    def __init__(self, root: Path, cores: set[int], siblings: Callable[[int], str]) -> None:
        self.tasks, self.masks = root / "task", {HERE: cores}
        self.tasks.mkdir()
        self.start(0)
        for core in cores:
            place = root / "cpu" / f"cpu{core}" / "topology"
            place.mkdir(parents=True)
            (place / "thread_siblings_list").write_text(siblings(core) + "\n")

    def start(self, number: int) -> None:
        """A thread begins life with the first one's mask."""
        self.masks[HERE + number] = self.masks[HERE]
        (self.tasks / str(HERE + number)).touch()

    def get(self, thread: int) -> set[int]:
        """As the system's call."""
        return set(self.masks[thread])

    def set(self, thread: int, mask: set[int]) -> None:
        """As the system's call."""
        self.masks[thread] = set(mask)

    @property
    def places(self) -> list[list[int]]:
        """Where each may run, in order of age."""
        return [sorted(mask) for _, mask in sorted(self.masks.items())]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Threads]]:
    def start(cores: set[int], others: int, siblings: Callable[[int], str] = str) -> Threads:
        threads = Threads(tmp_path, cores, siblings)
        for number in range(1, others + 1):
            threads.start(number)
        monkeypatch.setattr(affinity, "_TASKS", threads.tasks)
        monkeypatch.setattr(affinity, "_CPUS", tmp_path / "cpu")
        monkeypatch.setattr(os, "sched_getaffinity", threads.get)
        monkeypatch.setattr(os, "sched_setaffinity", threads.set)
        affinity._cores.cache_clear()
        return threads

    yield start
    affinity._cores.cache_clear()


def test_threads_get_places_and_their_masks_back(system: Callable[..., Threads]) -> None:
    """The first thread gets the first core, the others the rest in turn; afterwards each may run where it
    could."""
    threads = system({0, 1, 2}, others=3)
    with CorePinning(lambda: 3) as placed:
        placed.apply()
        assert threads.places == [[0], [1], [2], [1]]
    assert threads.places == [[0, 1, 2]] * 4


def test_a_thread_started_meanwhile_does_not_stay_with_the_first(system: Callable[..., Threads]) -> None:
    """A new thread inherits the first one's place; it gets its own at the next settling and is let go with
    the rest."""
    threads = system({0, 1}, others=0)
    with CorePinning(lambda: 2) as placed:
        placed.apply()
        threads.start(1)
        assert threads.places == [[0], [0]]
        placed.apply()
        assert threads.places == [[0], [1]]
        threads.start(2)
    assert threads.places == [[0, 1]] * 3


def test_a_team_does_not_share_physical_cores(system: Callable[..., Threads]) -> None:
    """With two hardware threads a core, a team of as many as there are cores gets one each; a larger one gets
    all."""
    threads = system(set(range(8)), others=4, siblings=lambda core: f"{core % 4},{core % 4 + 4}")
    with CorePinning(lambda: 4) as placed:
        placed.apply()
        assert threads.places == [[0], [1], [2], [3], [1]]
    with CorePinning(lambda: 8) as placed:
        placed.apply()
        assert threads.places == [[0], [1], [2], [3], [4]]


@pytest.mark.parametrize(
    ("turn", "places"), [(0, [[0], [1], [2]]), (1, [[1], [2], [0]]), (5, [[2], [0], [1]])]
)
def test_the_turn_says_where_to_begin(
    system: Callable[..., Threads], turn: int, places: list[list[int]]
) -> None:
    """Processes that take turns are given the same core, a single thread's too; another set of them
    another."""
    threads = system({0, 1, 2}, others=2)
    with CorePinning(lambda: 1, turn) as placed:
        placed.apply()
        assert threads.places == places


def test_neighbouring_siblings_are_read(system: Callable[..., Threads]) -> None:
    """The kernel also writes ranges: 0-1 are one core."""
    threads = system(set(range(4)), others=1, siblings=lambda core: f"{core // 2 * 2}-{core // 2 * 2 + 1}")
    with CorePinning(lambda: 2) as placed:
        placed.apply()
        assert threads.places == [[0], [2]]


def test_settled_threads_are_not_moved_again(
    system: Callable[..., Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between rounds it costs no more than a look."""
    system({0, 1}, others=1)
    with CorePinning(lambda: 2) as placed:
        placed.apply()
        with monkeypatch.context() as strict:
            strict.setattr(os, "sched_setaffinity", lambda thread, mask: pytest.fail("moved"))
            placed.apply()


def test_one_core_leaves_everything_alone(
    system: Callable[..., Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one core, or without the system's calls, nothing is moved and nothing fails."""
    threads = system({5}, others=2)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, mask: pytest.fail("moved"))
    with CorePinning(lambda: 2) as placed:
        placed.apply()
    monkeypatch.delattr(os, "sched_getaffinity")
    with CorePinning(lambda: 2) as placed:
        placed.apply()
    assert threads.places == [[5]] * 3


def test_a_thread_that_has_ended_is_left_out(
    system: Callable[..., Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads come and go between the list and the call."""
    threads = system({0, 1}, others=2)
    known = dict(threads.masks)

    def get(thread: int) -> set[int]:
        if thread == HERE + 1:
            raise ProcessLookupError
        return known[thread]

    monkeypatch.setattr(os, "sched_getaffinity", get)
    with CorePinning(lambda: 2) as placed:
        placed.apply()
        assert threads.masks[HERE] == {0}
        assert threads.masks[HERE + 2] == {1}
