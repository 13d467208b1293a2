"""The messages of the process that measures ceilings; `harness.workers.codec` carries them.

It gets a `CeilingsPlan` and replies with `CeilingsIntroduced` or a failure. After `BeginMeasuring` it sends
each ceiling, or why a part has none, and `CeilingsDone` at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.model import Ceiling
from harness.workers.codec import Message


@dataclass(frozen=True, slots=True)
class CeilingsPlan(Message):
    """The device (``auto``, ``cpu``, ``cuda``), and the images to decode; None for generated ones."""

    device: str
    data: Path | None


@dataclass(frozen=True, slots=True)
class CeilingsIntroduced(Message):
    """What the process runs on; ``unusable_gpu`` is why torch cannot use a GPU that is there, else empty."""

    environment: Mapping[str, object]
    unusable_gpu: str


@dataclass(frozen=True, slots=True)
class BeginMeasuring(Message):
    """Nothing is kept for this environment: measure."""


@dataclass(frozen=True, slots=True)
class CeilingMeasured(Message):
    """One ceiling."""

    ceiling: Ceiling


@dataclass(frozen=True, slots=True)
class PartFailed(Message):
    """A part that could not be measured, with the reason."""

    warning: str


@dataclass(frozen=True, slots=True)
class CeilingsDone(Message):
    """Every part was measured, or has failed."""
