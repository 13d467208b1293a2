"""Epochs of different lengths: each loader's by its own depth, in about a second, and figures of equal
work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch

from harness.loading.loop.epoch import Epoch
from harness.measure.calibrate import RoundSize
from harness.measure.clock import FakeClock
from harness.measure.runner import LocalRunner, Round
from harness.measure.state import VariantState
from harness.measure.variant import prepared
from harness.model import Expect
from support import length
from support.length import own_batches, same_beginnings, sample_seconds

CORES = 16


@pytest.mark.parametrize("decoding", [0.001, 0.004, 0.01, 0.05])
@pytest.mark.parametrize("workers", [0, 1, 2, 4, 8, 16])
def test_no_epoch_takes_minutes(workers: int, decoding: float) -> None:
    """With sixteen cores an epoch of any number of workers takes about a second, or four batches of each
    worker."""
    batch_seconds = 8 * decoding
    batches = own_batches(workers, batch_seconds, CORES)
    seconds = batches * batch_seconds / max(1, min(workers, CORES))
    assert seconds <= max(1.0 + batch_seconds, 4 * batch_seconds)
    assert batches % max(1, workers) == 0
    assert batches >= 4 * max(1, workers)


def test_quick_samples_go_by_the_depth() -> None:
    """Where samples cost next to nothing an epoch is twenty times what the loader keeps prepared, and no
    longer."""
    assert [own_batches(workers, 1e-6, CORES) for workers in (0, 1, 4, 16)] == [80, 80, 160, 640]
    # On two cores more workers are no quicker.
    assert own_batches(8, 0.1, 2) == own_batches(8, 0.05, 1) == 32


def test_a_sample_is_timed_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one pays for imports; the median leaves out one that was held up. Nothing is asked beyond the
    end."""
    clock = FakeClock()
    costs = [9.0, 0.25, 0.25, 5.0, 0.25, 0.5]
    monkeypatch.setattr(length, "perf_counter", lambda: clock.seconds)

    class Costly(list[float]):
        def __getitem__(self, place: int) -> None:  # type: ignore[override]
            clock.advance(costs[place])

    assert sample_seconds(Costly(costs)) == 0.25
    assert sample_seconds(Costly(costs[:1])) == 0.0


def epoch(samples: int, **changed: Any) -> Epoch:
    """What a loader delivered, in another order."""
    ids = torch.randperm(samples, generator=torch.Generator().manual_seed(samples))
    return replace(Epoch(ids, ids % 7), **changed)


def test_epochs_of_two_lengths_agree_where_both_go() -> None:
    """Whole epochs of known lengths, with the same labels; anything lost, doubled or relabelled is seen."""
    lengths = {24, 40}
    for expected, got in ((24, 40), (40, 24), (24, 24)):
        same_beginnings(epoch(expected), epoch(got), lengths=lengths)
    lost = epoch(40)
    with pytest.raises(AssertionError, match="39 samples delivered"):
        same_beginnings(epoch(24), Epoch(lost.ids[1:], lost.labels[1:]), lengths=lengths)
    with pytest.raises(AssertionError, match="came twice"):
        same_beginnings(epoch(24), epoch(40, ids=torch.arange(40).clamp(max=38)), lengths=lengths)
    with pytest.raises(AssertionError, match="another label"):
        same_beginnings(epoch(24), epoch(40, labels=torch.zeros(40, dtype=torch.int64)), lengths=lengths)


class Result:
    """What an epoch says of itself."""

    readings: ClassVar = {"wait_seconds": 0.5, "wait_p50_seconds": 0.01}


def test_figures_are_of_the_whole_work() -> None:
    """A variant whose iteration does a quarter of the work takes four times as long for it; percentiles
    stay."""
    clock = FakeClock()

    def iteration() -> Result:
        clock.advance(1.0)
        return Result()

    runner = LocalRunner("tip", prepared(lambda: iteration, part=0.25), clock, torch.device("cpu"))
    runner.setup()
    turn = runner.run_round(2, 0)
    assert turn == Round(2.0, None, {"wait_seconds": 2.0, "wait_p50_seconds": 0.01}, 0.25)
    entry = VariantState(runner, pace=RoundSize(2, 0, 1.0), turns=[turn])
    assert entry.trial(Expect.LOWER).samples == {
        "seconds": (4.0,), "wait_seconds": (2.0,), "wait_p50_seconds": (0.01,),
    }  # fmt: skip
