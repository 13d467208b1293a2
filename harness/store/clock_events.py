"""Clock events of blocks: which readings of the GPUs fall into a block, and so what held its clocks back.

Measurements and readings are recorded by different processes and meet here, once, when a run is loaded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.model import Measurement, SensorSeries, Telemetry

REACH = 1.0
"""Seconds. A reading further than this from a block says nothing about it."""


class ThrottleEvents:
    """Readings of what held a run's GPUs back, by moment. With several GPUs a reason counts that any of them
    had."""

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
        """The reasons read from just before ``start`` to just after ``end``: a block lies between two
        readings."""
        first = bisect_right(self._moments, start) - 1
        last = bisect_left(self._moments, end)
        mask = 0
        for index in range(max(0, first), min(last, len(self._moments) - 1) + 1):
            if start - REACH <= self._moments[index] <= end + REACH:
                mask |= self._masks[index]
        return mask

    def annotate(self, measurement: Measurement) -> Measurement:
        """The measurement with the clock events of its blocks; unchanged where nothing was read."""
        if not self._moments or not measurement.blocks:
            return measurement
        return replace(
            measurement, clock_events=tuple(self.during(start, end) for start, end in measurement.blocks)
        )


def annotate(measurements: Iterable[Measurement], telemetry: Telemetry) -> tuple[Measurement, ...]:
    """Measurements with the clock events of their blocks, from the readings of the GPUs that they were taken
    on."""
    events = ThrottleEvents(telemetry.series, telemetry.devices)
    return tuple(events.annotate(measurement) for measurement in measurements)
