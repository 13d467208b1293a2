"""Small photographs for tests of loaders, and what the loaders made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from harness.loading.data import recipe
from harness.loading.data.folder import Image
from harness.loading.loop.loader import Loader

COUNT = 24


def photographs(root: Path, count: int = COUNT) -> list[Image]:
    """JPEGs of different sizes and three classes, with smooth parts and sharp edges."""
    random = np.random.default_rng(0)
    made = []
    for index in range(count):
        size = (300 + 7 * index, 270) if index % 2 else (268, 280 + 5 * index)
        blocks = Pillow.fromarray(random.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        smooth, sharp = (
            blocks.resize(size, how) for how in (Pillow.Resampling.BICUBIC, Pillow.Resampling.NEAREST)
        )
        path = root / f"class_{index % 3}" / f"{index:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        Pillow.blend(smooth, sharp, 0.4).save(path, quality=92)
        made.append(Image(str(path), index % 3))
    return made


def ramp(path: Path) -> Path:
    """A picture whose red tells a pixel's column and whose green its row, so that a crop tells where it was
    taken."""
    column, row = np.meshgrid(np.arange(256), np.arange(256))
    Pillow.fromarray(np.stack([column, row, 0 * row], axis=-1).astype(np.uint8)).save(path, quality=100)
    return path


def delivered(loader: Loader) -> list[tuple[Tensor, Tensor, Tensor]]:
    """One epoch's batches, copied."""
    return [(images.clone(), labels.clone(), ids.clone()) for images, labels, ids in loader.batches()]


def by_id(batches: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The images of an epoch in the order of their ids."""
    images, ids = (
        torch.cat([batch[0] for batch in batches]),
        torch.cat([batch[2].reshape(-1) for batch in batches]),
    )
    return images[ids.argsort()]


def levels(images: Tensor) -> Tensor:
    """Normalised images in the 256 levels of a channel."""
    std, mean = (torch.tensor(values)[:, None, None] for values in (recipe.STD, recipe.MEAN))
    return 255 * (images * std + mean)
