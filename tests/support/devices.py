"""Devices for tests: a type and an index, and no torch behind them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch


def device_of(kind: str, index: int | None = None) -> torch.device:
    """What stands for a ``torch.device`` where only its type and index are read."""
    return cast("torch.device", SimpleNamespace(type=kind, index=index))
