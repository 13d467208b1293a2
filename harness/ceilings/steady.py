"""The seconds of one call once its device runs steadily."""

from __future__ import annotations

from collections.abc import Callable
from statistics import quantiles
from typing import Any

from harness.clock import Clock, clock_for
from harness.contest.effort import Effort
from harness.contest.entrant import LocalEntrant
from harness.contest.pace import pace, warm_up
from harness.contest.variant import variant

EFFORT = Effort(round_seconds=0.02, warmup_limit=0.2)
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
    entrant = LocalEntrant("ceiling", variant(call), clock, device, settle=settle)
    entrant.enter()
    try:
        first, _ = entrant.open()
        paced = pace(warm_up(entrant, first, EFFORT, clock.now), EFFORT.round_seconds, EFFORT)
        laps: list[float] = []
        end = clock.now() + LAPS_SECONDS
        while len(laps) < LEAST_LAPS or clock.now() < end:
            laps.append(entrant.lap(paced.iterations, 0).seconds / paced.iterations)
        return quantiles(laps, n=4, method="inclusive")[0]
    finally:
        entrant.leave()
