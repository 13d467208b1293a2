"""Epochs of different lengths, each by its loader's own depth: they agree where both go, and figures are of
equal work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch

from harness.loading.loop.epoch import Epoch
from harness.measure.calibrate import RoundSize
from harness.measure.clock import FakeClock
from harness.measure.local_runner import LocalRunner
from harness.measure.runner import Round
from harness.measure.state import VariantState
from harness.measure.variant import prepared
from harness.model import Expect, WarningCode
from support.length import same_beginnings


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


def test_figures_of_a_window_are_of_the_whole_work() -> None:
    """A window of one and a half epochs, each of them a quarter of the work: seconds and sums are of all of
    it."""

    class InWindows:
        window_seconds = 0.5

        def __call__(self) -> Result:
            return Result()

        def window(self, cpu_seconds: Callable[[], float]) -> Round:
            sums = {"wait_seconds": 2.0, "wait_p50_seconds": 0.01, "cpu_seconds": cpu_seconds()}
            return Round(3.0, None, sums, 1.5, (WarningCode.WINDOW_CUT,))

    class Tree:
        def cpu_seconds(self) -> float:
            return 4.0

    made = prepared(InWindows, part=0.25)
    turns = []
    for tree in (None, Tree()):
        runner = LocalRunner("tip", made, FakeClock(), torch.device("cpu"), tree=tree)  # type: ignore[arg-type]
        assert runner.window_seconds == 0.0
        runner.setup()
        assert runner.window_seconds == 0.5
        turns.append(runner.run_round(7, 3))
    readings = {"wait_seconds": 8.0, "wait_p50_seconds": 0.01}
    assert turns[0] == Round(3.0, None, readings, 0.375, (WarningCode.WINDOW_CUT,))
    assert turns[1].readings == {**readings, "cpu_seconds": 16.0}
    assert turns[1].each(1) == 8.0
