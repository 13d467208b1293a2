"""Running out of memory: what was requested and what was free, from the error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

_NAMES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_UNITS = {"B": 1.0, **{name: 1024.0**power for power, name in enumerate(_NAMES)}}
_SIZE = r"([\d.]+) (bytes|KiB|MiB|GiB|TiB|PiB|EiB|B)"
_REQUESTED = re.compile(rf"[Tt]ried to allocate {_SIZE}|Unable to allocate {_SIZE}")
_FREE = re.compile(rf"of which {_SIZE} is free")
_OUT = re.compile(
    r"out of memory|can't allocate memory|not enough memory|Unable to allocate|Cannot allocate memory"
)


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """An allocation that found no memory; None for what the error does not state. ``place`` is
    where it was to be.
    """

    place: str
    asked_bytes: float | None = None
    free_bytes: float | None = None

    def __str__(self) -> str:
        requested = f": {_size(self.asked_bytes)} were requested" if self.asked_bytes is not None else ""
        free = f", {_size(self.free_bytes)} were free" if self.free_bytes is not None else ""
        return f"out of memory on the {self.place}{requested}{free}"

    @property
    def readings(self) -> Mapping[str, float]:
        """What is known of it, by the names of metrics."""
        known = {"asked_bytes": self.asked_bytes, "free_bytes": self.free_bytes}
        return {name: value for name, value in known.items() if value is not None}


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """What was short, if the error is about memory; None for any other error."""
    message = str(error)
    if not isinstance(error, MemoryError) and _OUT.search(message) is None:
        return None
    on_gpu = "CUDA" in message or "GPU" in message
    requested, free = _REQUESTED.search(message), _FREE.search(message)
    free_bytes = _bytes(free) if free else None if on_gpu else _free_on_host()
    return OutOfMemory("GPU" if on_gpu else "host", _bytes(requested) if requested else None, free_bytes)


def _bytes(found: re.Match[str]) -> float | None:
    number, unit = [group for group in found.groups() if group is not None]
    with suppress(ValueError):
        return float(number.rstrip(".")) * _UNITS[unit]
    return None


def _free_on_host() -> float | None:
    import psutil

    with suppress(Exception):
        return float(psutil.virtual_memory().available)
    return None


def _size(value: float) -> str:
    unit, factor = next(
        ((unit, factor) for unit, factor in reversed(_UNITS.items()) if value >= factor), ("bytes", 1.0)
    )
    return f"{value / factor:.4g} {unit}"
