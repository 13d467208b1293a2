"""The window of steady running, on a clock that only moves when a loader or a step moves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.loading.data.folder import DataError, Image
from harness.loading.data.repeated import Repeated
from harness.loading.loop.epoch import Batch, Step
from harness.loading.loop.window import TURNS, ClockWentBack, Meters, steady, window_batches
from harness.loading.machine.page_cache import disk_bytes, evict


class Clock:
    """Seconds that pass when a test advances them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """What the clock shows."""
        return self.seconds

    def batches(self, costs: list[float], size: int = 4) -> Iterator[Batch]:
        """Batches, each of which takes so long to come."""
        for cost in costs:
            self.seconds += cost
            yield torch.zeros(size, 3, 2, 2), torch.zeros(size, dtype=torch.int64), torch.arange(size)

    def step(self, cost: float) -> Step:
        """A step that takes so long."""

        def taken(_images: torch.Tensor, _labels: torch.Tensor) -> None:
            self.seconds += cost

        return taken


def test_the_start_of_an_epoch_does_not_count() -> None:
    """Workers that start and queues that fill belong to the first batches, which are only discarded."""
    clock = Clock()
    found = steady(
        clock.batches([9.0, 5.0, 1.0, 1.0, 1.0, 1.0]), clock.step(1.0), discard=2, count=4, now=clock.now
    )
    assert found.seconds == pytest.approx(8.0 / 16)
    assert found.samples == 16
    assert found.readings["first_batch_seconds"] == 9.0
    assert found.readings["wait_seconds"] == pytest.approx(4.0 / 16)


def test_waits_are_those_for_a_batch_not_the_step() -> None:
    """The median and the tail of the waits, in order of size."""
    clock = Clock()
    costs = [1.0, *([1.0] * 9), 7.0]
    found = steady(clock.batches(costs), clock.step(3.0), discard=1, count=10, now=clock.now)
    assert (found.readings["wait_p50_seconds"], found.readings["wait_p99_seconds"]) == (1.0, 7.0)


@pytest.mark.parametrize(
    ("most", "batches"),
    [(0.0, 1), (3.5, 2), (9.0, 4)],
    ids=["one at least", "before the window", "within the window"],
)
def test_a_lap_that_time_cuts_off_counts_from_its_beginning(most: float, batches: int) -> None:
    """The batch under way is the last one; the start counts, for what was prepared before would look free."""
    clock = Clock()
    meters = iter([Meters(0.0, 0), *[Meters(8.0, 0)] * 2])
    found = steady(
        clock.batches([2.0, *[1.0] * 20]), clock.step(1.0), discard=3, count=4, most_seconds=most,
        meters=lambda: next(meters), now=clock.now,
    )  # fmt: skip
    assert found.cut
    assert found.samples == 4 * batches
    assert found.seconds == pytest.approx((2 * batches + 1) / (4 * batches))
    assert found.readings["cpu_seconds"] == pytest.approx(8.0 / (4 * batches))


def test_a_lap_that_is_over_in_time_is_not_cut() -> None:
    """A bound that is not reached changes nothing."""
    clock = Clock()
    bounded = steady(clock.batches([1.0] * 9), None, discard=2, count=4, most_seconds=6.5, now=clock.now)
    assert bounded == steady(clock.batches([1.0] * 9), None, discard=2, count=4, now=clock.now)
    assert not bounded.cut


def test_a_window_lasts_as_long_as_it_must() -> None:
    """Whole multiples of the batches asked for, until the least seconds are over."""
    clock = Clock()
    found = steady(clock.batches([1.0] * 40), None, discard=1, count=3, least_seconds=7.5, now=clock.now)
    assert found.samples == 9 * 4


def test_the_device_is_waited_for_inside_the_window() -> None:
    """What the device still has to do when the last step was launched is part of the loop."""
    clock = Clock()
    calls = []

    def settle() -> None:
        calls.append(clock.seconds)
        clock.seconds += 2.0

    found = steady(clock.batches([1.0] * 5), None, discard=1, count=4, settle=settle, now=clock.now)
    assert len(calls) == 2
    assert found.seconds == pytest.approx((4.0 + 2.0) / 16)


def test_meters_are_read_outside_the_window_and_reported_per_sample() -> None:
    """CPU-seconds and bytes from disks: the difference of both ends; a meter that falls back is nothing."""
    clock = Clock()
    readings = iter([Meters(1.0, 900), Meters(10.0, 1000), Meters(26.0, 500)])

    def meters() -> Meters:
        clock.seconds += 100.0
        return next(readings)

    found = steady(clock.batches([1.0] * 5), None, discard=1, count=4, meters=meters, now=clock.now)
    assert found.seconds == pytest.approx(4.0 / 16)
    assert found.readings["cpu_seconds"] == pytest.approx(1.0)
    assert found.readings["disk_bytes"] == 0


@pytest.mark.parametrize("there", [0, 2, 5])
def test_too_few_images_are_an_error_that_says_what_to_do(there: int) -> None:
    """Neither a window that is none nor a wait for ever."""
    clock = Clock()
    with pytest.raises(DataError, match="more images, or a smaller --batch-size"):
        steady(clock.batches([1.0] * there), None, discard=2, count=4, now=clock.now)


def test_a_window_that_lasts_too_long_is_closed() -> None:
    """After the batch under way, in the middle of the batches asked for."""
    clock = Clock()
    found = steady(
        clock.batches([1.0] * 40),
        None,
        discard=1,
        count=8,
        least_seconds=7.5,
        longest_seconds=4.5,
        now=clock.now,
    )
    assert found.samples == 5 * 4 and not found.cut
    assert found.seconds == pytest.approx(1.0 / 4)


@pytest.mark.parametrize("at", [0, 4])
def test_a_clock_that_goes_back_is_seen(at: int) -> None:
    """Before and in the window: no time is made of it."""
    clock = Clock()
    costs = [-9.0 if number == at else 1.0 for number in range(40)]
    with pytest.raises(ClockWentBack, match="measure again"):
        steady(clock.batches(costs), None, discard=2, count=4, now=clock.now)


def test_the_small_epoch_goes_by_a_loaders_own_workers() -> None:
    """Some turns of every worker, equally many of each, and the same images equally often for all."""
    batches = {workers: window_batches(workers) for workers in range(65)}
    assert [batches[workers] for workers in (0, 1, 2, 4, 16)] == [8, 8, 8, 16, 48]
    for workers, found in batches.items():
        assert found % max(1, workers) == 0 and found % batches[0] == 0
        assert found >= TURNS * workers


def test_images_come_round_again_in_a_random_order() -> None:
    """Each as often as every other, the same for the same seed, another order for another."""
    images = [Image(str(number), number) for number in range(5)]
    found = Repeated(images, 12, seed=1)
    assert len(found) == 12
    assert sorted(image.label for image in found[:5]) == [0, 1, 2, 3, 4]
    assert found[:5] == found[5:10]
    assert found[-1] == found[11]
    assert list(Repeated(images, 12, seed=1)) == list(found)
    assert any(list(Repeated(images, 12, seed=seed)) != list(found) for seed in (2, 3))
    with pytest.raises(IndexError):
        found[12]


def test_bytes_read_from_disks_are_added_up_over_processes(tmp_path: Path) -> None:
    """A process that is gone, or may not be asked, counts as nothing; what cannot be evicted is left."""
    for pid, read in ((1, 4096), (2, 512)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "io").write_text(f"rchar: 99999\nread_bytes: {read}\nwrite_bytes: 7\n")
    assert disk_bytes([1, 2, 3], proc=tmp_path) == 4608
    evict([tmp_path / "nowhere", tmp_path / "1" / "io"])
