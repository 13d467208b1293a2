"""Batches that cost nothing to load: what a loop would do behind a perfect loader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from harness.loading.loop.epoch import Batch


def resident(batch: Batch, device: torch.device) -> Iterator[Batch]:
    """The same batch for ever, already on the device."""
    there = _moved(batch, device)
    while True:
        yield there


def cached(batches: Sequence[Batch], device: torch.device) -> Iterator[Batch]:
    """Batches for ever from host memory, page-locked for a GPU, each copied to the device when it
    is needed.
    """
    held = [_pinned(batch) for batch in batches] if device.type == "cuda" else list(batches)
    while True:
        for batch in held:
            yield _moved(batch, device, non_blocking=device.type == "cuda")


def _moved(batch: Batch, device: torch.device, *, non_blocking: bool = False) -> Batch:
    images, labels, ids = batch
    return images.to(device, non_blocking=non_blocking), labels.to(device, non_blocking=non_blocking), ids


def _pinned(batch: Batch) -> Batch:
    images, labels, ids = batch
    return images.pin_memory(), labels.pin_memory(), ids
