"""Blocks in which the GPU's clocks were held back: which they are, and how many of them may be left out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.model import ClockEvent, Measurement, SensorSeries, Telemetry, clock_events
from harness.store import Run

SLOWED = (
    ClockEvent.HARDWARE_SLOWDOWN | ClockEvent.SOFTWARE_THERMAL | ClockEvent.HARDWARE_THERMAL | ClockEvent.POWER_BRAKE
)
"""Reasons that make a block worthless: heat, a power supply that gives in, and what the hardware does about them."""

CAPPED = ClockEvent.SOFTWARE_POWER_CAP
"""The board at its own power limit. That is how it works under full load, and so it is noted and counts."""

MOST_LEFT_OUT = 0.25
"""The share of an invocation's blocks that may be left out because they were slowed. Where it is more, the slow blocks
are how this machine runs: what is left would be a choice of moments, so all count and the verdict says so."""

REACH = 1.0
"""Seconds. A reading further than this from a block says nothing about it."""


@dataclass(frozen=True, slots=True)
class ThrottledBlocks:
    """How an invocation's blocks fared: how many there were, which to leave out, how many were slowed and capped."""

    blocks: int = 0
    left_out: frozenset[int] = frozenset()
    slowed: int = 0
    capped: int = 0
    reasons: int = 0

    @property
    def kept(self) -> int:
        """Slowed blocks that count because there are too many of them."""
        return self.slowed - len(self.left_out)


def throttled_blocks(measurement: Measurement) -> ThrottledBlocks:
    """What a marked measurement's clock events amount to."""
    events = measurement.clock_events
    slowed = frozenset(index for index, mask in enumerate(events) if mask & SLOWED)
    few = len(slowed) <= MOST_LEFT_OUT * len(events)
    reasons = 0
    for mask in events:
        reasons |= mask & SLOWED
    capped = sum(1 for mask in events if mask & CAPPED)
    return ThrottledBlocks(len(events), slowed if few else frozenset(), len(slowed), capped, reasons)


def remarks(found: Iterable[ThrottledBlocks]) -> tuple[str, ...]:
    """What a reader of the verdict must know of its invocations' blocks, in words."""
    heats = list(found)
    total = sum(each.blocks for each in heats)
    if not total:
        return ()
    reasons = 0
    for each in heats:
        reasons |= each.reasons
    why = ", ".join(clock_events(reasons))
    out = sum(len(each.left_out) for each in heats)
    kept = sum(each.kept for each in heats)
    capped = sum(each.capped for each in heats)
    told = []
    if out:
        told.append(f"left out: {out} of {total} blocks in which the GPU was throttled ({why})")
    if kept:
        share = f"{100 * sum(each.slowed for each in heats) / total:.0f} %"
        told.append(f"the GPU was throttled in {share} of the blocks ({why}): too many to leave out, so they count")
    if capped:
        told.append(f"the GPU was at its power limit in {100 * capped / total:.0f} % of the blocks; they count")
    return tuple(told)


def throttled_share(found: Iterable[ThrottledBlocks]) -> float:
    """The share of all blocks that were slowed, from 0 to 1, those that were left out included."""
    heats = list(found)
    total = sum(each.blocks for each in heats)
    return sum(each.slowed for each in heats) / total if total else 0.0


class ThrottleEvents:
    """What held a run's GPUs back, moment by moment. With several GPUs a reason counts that any of them had."""

    def __init__(self, series: Iterable[SensorSeries], devices: Sequence[str]) -> None:
        readings = sorted(
            (moment, int(value))
            for each in series
            if each.quantity == "throttle" and each.device in devices
            for moment, value in zip(each.moments, each.values, strict=True)
        )
        self._moments = [moment for moment, _ in readings]
        self._masks = [mask for _, mask in readings]

    def during(self, start: float, end: float) -> int:
        """The reasons read from just before ``start`` to just after ``end``: a block lies between two readings."""
        first = bisect_right(self._moments, start) - 1
        last = bisect_left(self._moments, end)
        mask = 0
        for index in range(max(0, first), min(last, len(self._moments) - 1) + 1):
            if start - REACH <= self._moments[index] <= end + REACH:
                mask |= self._masks[index]
        return mask

    def marked(self, measurement: Measurement) -> Measurement:
        """The measurement with the clock events of its blocks; as it is where nothing was read."""
        if not self._moments or not measurement.blocks:
            return measurement
        return replace(measurement, clock_events=tuple(self.during(start, end) for start, end in measurement.blocks))


def marked(measurements: Iterable[Measurement], telemetry: Telemetry) -> tuple[Measurement, ...]:
    """Measurements with the clock events of their blocks, from the readings of the GPUs that they were taken on."""
    events = ThrottleEvents(telemetry.series, telemetry.devices)
    return tuple(events.marked(measurement) for measurement in measurements)


def marked_run(run: Run) -> Run:
    """The same of a whole run."""
    return replace(run, measurements=marked(run.measurements, run.telemetry))
