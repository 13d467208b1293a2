"""Rounds that are windows: on a scripted loader whose clock only moves when it works, and on real workers."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, dataloader

from harness.loading.loaders.dataloader import PlainLoader, feeders
from harness.loading.loop import rounds
from harness.loading.loop.epoch import Batch
from harness.loading.loop.loader import Loader
from harness.loading.loop.rounds import LEAST_SECONDS, LONGEST_SECONDS, SteadyRounds, in_windows
from harness.loading.loop.window import ClockWentBack
from harness.measure.clock import FakeClock
from harness.measure.runner import InWindows, Round
from harness.model import WarningCode
from tests.support.living import alive, since, state

SIZE = 4
EPOCH = 8

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.usefixtures("one_thread"),
]


class Scripted(Loader):
    """A loader with ``depth`` batches prepared whenever nobody asks for one; the n-th of an epoch takes
    ``cost(n)`` seconds."""

    depth = 2

    def __init__(
        self,
        cost: Callable[[int], float] = lambda number: 0.1,
        *,
        ends: int | None = None,
        endless: bool = True,
        batches: int = EPOCH,
        first: float = 0.0,
    ) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.cost = cost
        self.happened: list[str] = []
        self.taken: list[int] = []
        self._ends, self._endless, self._epoch, self._first = ends, endless, batches, first
        self._prepared = 0

    def batches(self) -> Iterator[Batch]:
        """One epoch, of which the first batch takes longer."""
        return self._some(self._epoch)

    def endless(self) -> Iterator[Batch] | None:
        """The same costs without an end, or with the end that the script has."""
        return self._some(self._ends) if self._endless else None

    def _some(self, batches: int | None) -> Iterator[Batch]:
        self.taken.append(0)
        self.clock.advance(self._first)
        for number in count() if batches is None else range(batches):
            if self._prepared:
                self._prepared -= 1
            else:
                self.clock.advance(self.cost(number))
            self.taken[-1] += 1
            ids = torch.arange(SIZE) + SIZE * (number % self._epoch)
            yield torch.zeros(SIZE, 1), ids % 3, ids

    def pause(self) -> None:
        """Until the next round the queue has been filled."""
        self.happened.append("pause")
        self._prepared = self.depth

    def resume(self) -> None:
        """Noted."""
        self.happened.append("resume")

    def close(self) -> None:
        """Nothing is left."""


def steadily(loader: Scripted, idle: Callable[[float], bool] = lambda _: True) -> SteadyRounds:
    """The loader in windows, after its first epoch."""
    made = SteadyRounds(loader, now=loader.clock.now, idle=idle)
    made()
    return made


def round_of(made: SteadyRounds) -> Round:
    """A round, without CPU-seconds."""
    return made.window(lambda: 0.0)


def test_what_was_prepared_before_a_round_does_not_count() -> None:
    """Each round is as fast as the loader works, though queues were filled before it."""
    loader = Scripted(lambda number: 0.1, first=9.0)
    with steadily(loader) as made:
        for _ in range(3):
            found = round_of(made)
            assert found.each(1) == pytest.approx(EPOCH * 0.1)
            assert found.readings["wait_seconds"] == pytest.approx(EPOCH * 0.1)
            assert found.warnings == ()
    assert len(loader.taken) == 2, "all rounds are of one epoch without an end"


def test_windows_and_epochs_agree() -> None:
    """Samples a second of a window are those of an epoch in which nothing was prepared."""
    loader = Scripted(lambda number: 0.03 * (1 + number % 3))
    made = SteadyRounds(loader, now=loader.clock.now, idle=lambda _: True)
    samples = made().ids.numel()
    whole = loader.clock.seconds
    rates = [EPOCH * SIZE / round_of(made).each(1) for _ in range(6)]
    # The costs of three batches come round again; a window has eight.
    assert sum(rates) / len(rates) == pytest.approx(samples / whole, rel=0.1)


def test_a_quick_loader_has_several_epochs_in_a_window() -> None:
    """Whole multiples of an epoch, until the least seconds are over; the part says how many."""
    with steadily(Scripted(lambda number: 0.001)) as made:
        found = round_of(made)
    assert found.part == round(found.part) and found.part > 1
    assert LEAST_SECONDS <= found.seconds < LEAST_SECONDS + EPOCH * 0.001 + 1e-9
    assert found.each(1) == pytest.approx(EPOCH * 0.001)


def test_a_late_first_batch_is_no_part_of_a_window() -> None:
    """Workers that start late belong to the lead-in."""
    with steadily(Scripted(lambda number: 5.0 if number < 2 else 0.1)) as made:
        assert round_of(made).each(1) == pytest.approx(0.8)


def test_a_stall_in_a_window_counts() -> None:
    """A loop that waits in the middle of an epoch pays for it."""
    with steadily(Scripted(lambda number: 1.0 if number == 5 else 0.1)) as made:
        assert round_of(made).each(1) == pytest.approx(0.8 + 0.9)
        assert round_of(made).each(1) == pytest.approx(0.8)


@pytest.mark.parametrize("batches", [12, 40])
def test_a_window_closes_while_all_workers_are_at_work(batches: int) -> None:
    """The last batches of an epoch that ends are never in a window: some workers have nothing left to do."""
    # What the last workers prepare alone takes ten times as long.
    loader = Scripted(lambda n: 1.0 if n >= batches - 2 else 0.04, endless=False, batches=batches)
    with steadily(loader) as made:
        for _ in range(3):
            found = round_of(made)
            assert found.each(1) == pytest.approx(batches * 0.04) and found.warnings == ()
    assert loader.taken[0] == batches
    assert loader.taken[1:] == [batches - loader.depth] * 3


def test_epochs_too_short_for_a_window_are_timed_whole() -> None:
    """What the loader delivers is measured all the same, and the round says how."""
    with steadily(Scripted(lambda number: 0.012, endless=False, batches=5)) as made:
        found = round_of(made)
    assert found.warnings == (WarningCode.FEW_BATCHES,)
    assert found.part == 2 and found.each(1) == pytest.approx(0.06, abs=0.02)


def test_workers_that_finish_early_do_not_end_the_measurement() -> None:
    """An epoch that ends in a window is begun anew; one that is too short from the beginning is timed
    whole."""
    loader = Scripted(ends=EPOCH + 6)
    with steadily(loader) as made:
        assert [round_of(made).warnings for _ in range(3)] == [(), (), ()]
    assert len(loader.taken) == 1 + 3
    loader = Scripted(ends=EPOCH)
    with steadily(loader) as made:
        assert [round_of(made).warnings for _ in range(2)] == [(WarningCode.FEW_BATCHES,)] * 2
        assert len(loader.taken) == 1 + 1 + 2, "windows are not tried again"


def test_a_step_much_longer_than_a_window_closes_it() -> None:
    """The round ends after the batch under way, counts what it did, and says so."""
    with steadily(Scripted(lambda number: 5.0)) as made:
        found = round_of(made)
    assert found.seconds == pytest.approx(5.0) and LONGEST_SECONDS < 5.0
    assert found.part == 1 / EPOCH
    assert found.each(1) == pytest.approx(EPOCH * 5.0)
    assert found.warnings == (WarningCode.WINDOW_CUT,)


def test_a_short_last_batch_is_no_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of three samples is a batch of its own; without an end every batch is whole, and no window is
    cut."""
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.0)
    begun = multiprocessing.Value("i", 0)
    with in_windows(PlainLoader, partial(Counting, begun, samples=3, cost=1), batch_size=2) as made:
        made()
        found = made.window(lambda: 0.0)
    assert WarningCode.WINDOW_CUT not in found.warnings
    assert found.part == 4 / 3


def test_a_clock_that_goes_back_costs_the_round() -> None:
    """It is measured again, with a warning; a clock that does it again is an error."""

    def costs(*back: int) -> Callable[[int], float]:
        calls = count()
        return lambda _: -50.0 if next(calls) - EPOCH in back else 0.1

    with steadily(Scripted(costs(4))) as made:
        found = round_of(made)
        assert found.warnings == (WarningCode.CLOCK_WENT_BACK,)
        assert found.each(1) == pytest.approx(0.8)
    with steadily(Scripted(costs(4, 11))) as made, pytest.raises(ClockWentBack, match="measure again"):
        round_of(made)


def test_a_loader_is_held_between_rounds() -> None:
    """It goes on for its own round alone, and threads that do not come to rest are reported."""
    loader = Scripted()
    with steadily(loader, idle=lambda seconds: seconds < 1e-3) as made:
        del loader.happened[:]
        found = [round_of(made) for _ in range(2)]
        assert loader.happened == ["resume", "pause"] * 2
        assert {one.warnings for one in found} == {(WarningCode.STILL_WORKING,)}
        made.alone()
        assert loader.happened[-1] == "resume"


def test_a_round_says_how_long_it_will_take() -> None:
    """From the first epoch: what is kept ready, and a window. Before it nothing is known."""
    loader = Scripted()
    made = SteadyRounds(loader, now=loader.clock.now)
    with pytest.raises(RuntimeError, match="call it"):
        round_of(made)
    made()
    assert isinstance(made, InWindows)
    assert made.window_seconds == pytest.approx(2 * 0.1 + 0.8)


# --- real workers -------------------------------------------------------------------------------------------


class Counting(Dataset[Any]):
    """Samples that cost some milliseconds of a core; every one that is begun is counted, in all processes."""

    def __init__(self, begun: Any, samples: int = 16, cost: int = 20_000) -> None:
        self.begun = begun
        self.samples = samples
        self.cost = cost

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int, int]:
        with self.begun.get_lock():
            self.begun.value += 1
        sum(range(self.cost))
        return torch.full((1,), float(place)), place % 3, place


def counting(cost: int = 20_000, **options: Any) -> tuple[SteadyRounds, Any]:
    """A DataLoader with two workers, and the count of samples that were begun."""
    begun = multiprocessing.get_context("fork").Value("i", 0)
    made = in_windows(
        PlainLoader, partial(Counting, begun, cost=cost), batch_size=2, **{"workers": 2, **options}
    )
    return made, begun


def test_no_loader_works_in_the_rounds_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers are stopped, and have begun no sample while another loader was timed."""
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.05)
    before = alive()
    # Filling the queues takes many times as long as any wait between two rounds.
    (one, begun), (other, others) = counting(1_000_000), counting(workers=1)
    with one, other:
        for made in (one, other):
            made()
        for _ in range(3):
            one.window(lambda: 0.0)
            assert {state(int(worker.pid or 0)) for worker in one.loader._own} == {"T"}
            mark, others_mark = begun.value, others.value
            other.window(lambda: 0.0)
            assert begun.value == mark and others.value > others_mark
    assert since(before) == []


def test_the_worker_of_each_loader_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing one loader ends none of the workers of another that started in between."""
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.01)
    (one, _), (other, _) = counting(persistent=False), counting()
    with other:
        with one:
            one()
            one.window(lambda: 0.0)
            other()
            one.window(lambda: 0.0)
        assert other.window(lambda: 0.0).seconds > 0
        assert len(other.loader._own) == 2


def test_stopped_workers_go_on_before_they_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing lets them go on first: torch waits for each worker of an epoch that is let go."""
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.01)
    running = dataloader._MultiProcessingDataLoaderIter
    joins = running._shutdown_workers
    states: list[str] = []

    def shut_down(self: Any) -> None:
        states.extend(state(worker.pid) for worker in self._workers if worker.is_alive())
        joins(self)

    monkeypatch.setattr(running, "_shutdown_workers", shut_down)
    made, _ = counting(persistent=False)
    with made:
        made()
        made.window(lambda: 0.0)
        states.clear()
    assert len(states) == 2
    assert "T" not in states


def test_a_whole_epoch_after_windows_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch without an end leaves nothing behind: the next one has each sample once, also without the
    step."""
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.01)
    made, _ = counting()
    with made:
        for run in (made, made.alone):
            made()
            made.window(lambda: 0.0)
            assert sorted(run().ids.tolist()) == list(range(16))
        made.window(lambda: 0.0)
        made.leave_early()


def test_closing_a_loader_waits_for_its_own_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that feed the workers of another loader go on, and are not joined."""
    joined: list[threading.Thread] = []
    waits = threading.Thread.join

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        joined.append(thread)
        waits(thread, timeout)

    (one, _), (other, _) = counting(), counting()
    with other:
        with one:
            one()
            before = feeders()
            other()
            others = feeders() - before
            assert len(others) == 2
            monkeypatch.setattr(threading.Thread, "join", join)
        assert joined and not others & set(joined)
        assert all(thread.is_alive() for thread in others)


@pytest.mark.parametrize("workers", [0, 2])
def test_places_come_round_again(workers: int) -> None:
    """Without an end a loader goes through its places again and again; shuffled, in another order each
    time."""
    begun = multiprocessing.get_context("fork").Value("i", 0)
    for shuffle in (False, True):
        loader = PlainLoader(partial(Counting, begun, 6), batch_size=4, workers=workers, shuffle=shuffle)
        with loader:
            batches = loader.endless()
            assert batches is not None
            ids = torch.cat([batch[2].clone() for batch in islice(batches, 6)]).tolist()
            turns = [ids[start : start + 6] for start in range(0, 24, 6)]
            assert all(sorted(turn) == list(range(6)) for turn in turns)
            assert all(turn == list(range(6)) for turn in turns) == (not shuffle)


class Stream(IterableDataset[Any]):
    """Samples in an order of their own."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int, int]]:
        return ((torch.zeros(1), 0, place) for place in range(64))


def test_a_stream_has_windows_within_its_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its epochs end: what is timed lies between what is kept ready at both ends."""
    monkeypatch.setattr(rounds, "LEAST_SECONDS", 0.01)
    with in_windows(PlainLoader, Stream, batch_size=2, workers=1) as made:
        assert made().ids.numel() == 64
        assert made.loader.endless() is None
        found = [made.window(lambda: 0.0) for _ in range(2)]
    assert [one.part for one in found] == [28 / 32] * 2 and not found[0].warnings
