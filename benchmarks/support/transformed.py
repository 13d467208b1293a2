"""Transforms alone: pictures in memory to tensors, and how far two ways may be apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.loading.data import recipe
from harness.loading.machine.threads import one_thread

MOST_LEVELS = 2.0
"""Levels of 256 that a value may be off: Pillow and torch round differently where they resize."""


def alone(transform: Callable[[], recipe.Transform], pictures: Sequence[Any]) -> Callable[[], Tensor]:
    """The iteration that puts all pictures through what ``transform`` makes, on one thread."""
    made = transform()

    @one_thread()
    def prepare() -> Tensor:
        torch.manual_seed(0)  # the same crops for all
        return torch.stack([made(picture) for picture in pictures])

    return prepare


def alike(expected: Tensor, got: Tensor) -> Mapping[str, float]:
    """Agree where normalised pixels are `MOST_LEVELS` apart at most; how far they are, in levels."""
    off = 255 * (got - expected).abs() * torch.tensor(recipe.STD)[:, None, None]
    assert float(off.max()) <= MOST_LEVELS, f"pixels are up to {float(off.max()):.1f} levels off"
    return {"max_level_difference": float(off.max()), "mean_level_difference": float(off.mean())}
