"""The two sides of a gate."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """A side of a gate: what is compared with, and what is judged."""

    BASE = "base"
    HEAD = "head"
