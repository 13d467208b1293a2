"""Telemetry: what the machine was doing while it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import NamedTuple

HOST = "host"
"""The device name of readings that are about the machine and not about a GPU."""


class ClockEvent(IntFlag):
    """Why a GPU's clocks are not what they could be; the bits of NVML's clocks-event (formerly throttle)
    reasons."""

    GPU_IDLE = 0x1
    APPLICATION_CLOCKS = 0x2
    SOFTWARE_POWER_CAP = 0x4
    HARDWARE_SLOWDOWN = 0x8
    SYNC_BOOST = 0x10
    SOFTWARE_THERMAL = 0x20
    HARDWARE_THERMAL = 0x40
    POWER_BRAKE = 0x80
    DISPLAY_CLOCKS = 0x100
    BOARD_LIMIT = 0x200
    RELIABILITY = 0x400


def clock_events(mask: int) -> tuple[str, ...]:
    """The reasons in a bit mask in words, such as ``hardware thermal``; bits without a name are left out."""
    return tuple((event.name or "").lower().replace("_", " ") for event in ClockEvent if mask & event)


class SensorReading(NamedTuple):
    """One quantity of one device at a moment: seconds of the machine's monotonic clock.

    A tuple, because it is made many times a second beside the work that is measured.
    """

    moment: float
    device: str
    quantity: str
    value: float


@dataclass(frozen=True, slots=True)
class SensorSeries:
    """A device's readings of one quantity in the order they were taken, while one case was measured or none.

    ``moments`` are seconds of the machine's monotonic clock and as many as ``values``.
    """

    device: str
    quantity: str
    moments: Sequence[float]
    values: Sequence[float]
    case: str = ""
    invocation: int = 0


class SeenWhen(StrEnum):
    """When another process was seen: before, during or after a run."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class OtherProcess:
    """A process on a GPU that is not one of the run's.

    ``pid`` 0 stands for memory in use that NVML ascribes to no process. ``bytes`` is None where NVML does not
    know.
    """

    when: SeenWhen
    device: str
    pid: int
    name: str = ""
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that was seen of the machine during a run.

    ``hertz`` is the rate asked for, ``start`` the moment that counts as the run's beginning, ``cost`` the
    watcher's own CPU time as a share of one core (None where the run never said so). ``warnings`` has each
    thing that could not be read, once. ``no_nvml`` is why NVML did not start, which is normal on a machine
    without a GPU.
    """

    hertz: float = 0.0
    start: float = 0.0
    series: tuple[SensorSeries, ...] = ()
    other_processes: tuple[OtherProcess, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: float | None = None
    devices: tuple[str, ...] = field(default=())
    no_nvml: str = ""
