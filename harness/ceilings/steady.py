"""The seconds of one call once its device runs steadily."""

from __future__ import annotations

from collections.abc import Callable
from statistics import quantiles
from typing import TYPE_CHECKING

from harness.measure.calibrate import pace, warm_up
from harness.measure.clock import Clock, clock_for
from harness.measure.limits import RoundLimits
from harness.measure.local_runner import LocalRunner
from harness.measure.variant import variant

if TYPE_CHECKING:
    import torch

LIMITS = RoundLimits(round_seconds=0.02, warmup_limit=0.2)
"""Rounds of 20 ms: long beside a launch, short enough for a dozen of them."""

ROUNDS_SECONDS = 0.15
LEAST_ROUNDS = 3


def steady_seconds(
    call: Callable[[], object],
    device: torch.device,
    *,
    clock: Clock | None = None,
    settle: Callable[[], object] | None = None,
) -> float:
    """Seconds of one ``call`` on a ``torch.device`` that was warmed up with it: the lower quartile of its
    rounds.

    Other processes only slow it down, so it is not the median; a burst before clocks settle is not a ceiling,
    so it is not the fastest.
    """
    clock = clock or clock_for(device)
    runner = LocalRunner("ceiling", variant(call), clock, device, settle=settle)
    runner.setup()
    try:
        first, _ = runner.first_call()
        paced = pace(warm_up(runner, first, LIMITS, clock.now), LIMITS.round_seconds, LIMITS)
        rounds: list[float] = []
        end = clock.now() + ROUNDS_SECONDS
        while len(rounds) < LEAST_ROUNDS or clock.now() < end:
            rounds.append(runner.run_round(paced.iterations, 0).seconds / paced.iterations)
        return quantiles(rounds, n=4, method="inclusive")[0]
    finally:
        runner.teardown()
