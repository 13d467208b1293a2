"""Ceilings: what nothing beats on a machine, as it was measured there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MEMORY_COPY = "memory_copy"
"""Bytes a second that a copy within a device's own memory reads and writes."""

TO_DEVICE_PINNED, TO_DEVICE_PAGEABLE = "to_device_pinned", "to_device_pageable"
TO_HOST_PINNED, TO_HOST_PAGEABLE = "to_host_pinned", "to_host_pageable"
"""Bytes a second over the bus, from page-locked and from ordinary host memory."""

LAUNCH = "launch"
"""Kernels a second that Python can launch one after the other."""

DECODE = "decode"
"""Images a second that one core decodes."""

PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
"""What arithmetic a matrix product may be in."""


def gemm(precision: str) -> str:
    """The name of the ceiling of matrix products in that arithmetic, one of `PRECISIONS`: operations a
    second."""
    return f"gemm_{precision}"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One rate that this machine reached and nothing is expected to beat.

    ``unit`` is ``B/s``, ``FLOP/s`` or ``1/s``; ``detail`` says on what it was reached (a size, a decoder),
    ``device`` is ``cpu`` or ``cuda``. A name comes once for each size that was tried.
    """

    name: str
    value: float
    unit: str
    detail: str = ""
    device: str = "cpu"


def highest(ceilings: Iterable[Ceiling], name: str, device: str) -> Ceiling | None:
    """The highest rate of that name on that device; None where it was not measured."""
    found = (ceiling for ceiling in ceilings if (ceiling.name, ceiling.device) == (name, device))
    return max(found, key=lambda ceiling: ceiling.value, default=None)
