"""Batches of any form: tensors in dictionaries, lists and tuples, and objects that can be moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch


def to_device(batch: object, device: torch.device, *, non_blocking: bool = False) -> Any:
    """The batch on a device; on the CPU it is there already. What has no ``to`` stays where it is."""
    if device.type == "cpu":
        return batch

    def moved(part: object) -> Any:
        if isinstance(part, torch.Tensor):
            return part.to(device, non_blocking=non_blocking)
        return part.to(device) if hasattr(part, "to") else part

    return changed(batch, moved)


def pinned(batch: object) -> Any:
    """The batch in page-locked memory. What has no ``pin_memory`` stays where it is."""
    return changed(batch, lambda part: part.pin_memory() if hasattr(part, "pin_memory") else part)


def tensor_bytes(batch: object) -> int:
    """Bytes of all tensors and arrays in it."""
    found = 0

    def count(part: object) -> Any:
        nonlocal found
        size = getattr(part, "nbytes", 0)
        found += size if isinstance(size, int) else 0
        return part

    changed(batch, count)
    return found


def changed(batch: object, change: Callable[[object], object]) -> Any:
    """The same form with every part changed; of an object with ``to``, a batch of some library's, the parts
    are its own affair."""
    if hasattr(batch, "to"):
        return change(batch)
    if isinstance(batch, Mapping):
        return {name: changed(part, change) for name, part in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(changed(part, change) for part in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(changed(part, change) for part in batch)
    return change(batch)
