"""Ceilings of copying: within a device's memory, and over the bus in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from harness.ceilings.compute import Seconds, free_bytes
from harness.ceilings.steady import steady_seconds
from harness.model import Ceiling
from harness.model.ceiling import (
    MEMORY_COPY,
    TO_DEVICE_PAGEABLE,
    TO_DEVICE_PINNED,
    TO_HOST_PAGEABLE,
    TO_HOST_PINNED,
)

MIB = 2**20
WITHIN = {"cpu": (64, 256), "cuda": (256, 1024)}
"""MiB of a tensor that is copied within memory: several times any cache."""

OVER_THE_BUS = (1, 16, 256)
"""MiB; a batch of images is one of these."""


def memory_copies(device: torch.device, seconds: Seconds = steady_seconds) -> Iterator[Ceiling]:
    """Copies within the device's memory on all its cores; every byte counts twice, read and written."""
    for size in WITHIN[device.type]:
        if 4 * size * MIB > free_bytes(device):
            return
        # The same MiB of random numbers over and over: making up all of them would take longer than the
        # copies.
        source = torch.rand(MIB // 4, device=device).repeat(size)
        target = torch.empty_like(source)
        each = seconds(partial(target.copy_, source), device)
        yield Ceiling(MEMORY_COPY, 2 * source.nbytes / each, "B/s", f"{size} MiB", device.type)


def bus_copies(device: torch.device, seconds: Seconds = steady_seconds) -> Iterator[Ceiling]:
    """Copies between host and GPU, from page-locked and from ordinary memory, by size."""
    for size in OVER_THE_BUS:
        pageable = torch.rand(size * MIB // 4)
        pinned = pageable.pin_memory()
        there = torch.empty_like(pageable, device=device)
        for name, to, of, ahead in (
            (TO_DEVICE_PINNED, there, pinned, True),
            (TO_DEVICE_PAGEABLE, there, pageable, False),
            (TO_HOST_PINNED, pinned, there, True),
            (TO_HOST_PAGEABLE, pageable, there, False),
        ):
            each = seconds(partial(to.copy_, of, non_blocking=ahead), device)
            yield Ceiling(name, there.nbytes / each, "B/s", f"{size} MiB", device.type)
