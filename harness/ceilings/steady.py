"""The seconds of one call once its device runs steadily."""

from __future__ import annotations

from collections.abc import Callable
from statistics import quantiles
from typing import Any

from harness.measure.calibrate import pace, warm_up
from harness.measure.clock import Clock, clock_for
from harness.measure.limits import RoundLimits
from harness.measure.runner import LocalRunner
from harness.measure.variant import variant

EFFORT = RoundLimits(round_seconds=0.02, warmup_limit=0.2)
"""Laps of 20 ms: long beside a launch, short enough for a dozen of them."""

LAPS_SECONDS = 0.15
LEAST_LAPS = 3


def steady_seconds(
    call: Callable[[], object],
    device: Any,
    *,
    clock: Clock | None = None,
    settle: Callable[[], object] | None = None,
) -> float:
    """Seconds of one ``call`` on a ``torch.device`` that was warmed up with it: the lower quartile of its laps.

    Neighbours only ever take away, so not the median; a burst before clocks settle is no ceiling, so not the quickest.
    """
    clock = clock or clock_for(device)
    runner = LocalRunner("ceiling", variant(call), clock, device, settle=settle)
    runner.setup()
    try:
        first, _ = runner.first_call()
        paced = pace(warm_up(runner, first, EFFORT, clock.now), EFFORT.round_seconds, EFFORT)
        laps: list[float] = []
        end = clock.now() + LAPS_SECONDS
        while len(laps) < LEAST_LAPS or clock.now() < end:
            laps.append(runner.run_round(paced.iterations, 0).seconds / paced.iterations)
        return quantiles(laps, n=4, method="inclusive")[0]
    finally:
        runner.teardown()
