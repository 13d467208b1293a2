"""A metric: a named quantity with a unit, a direction and a kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way a metric gets better."""

    LOWER = "lower"
    HIGHER = "higher"
    NONE = "none"


class MetricKind(StrEnum):
    """Whether repeating a measurement changes the number."""

    EXACT = "exact"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity with a unit, a direction and a kind."""

    name: str
    unit: str
    direction: Direction
    kind: MetricKind
    meaning: str
