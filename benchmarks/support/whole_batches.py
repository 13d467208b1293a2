"""Datasets that make a whole batch at once, where DataLoader finds ``__getitems__``; collate with
`as_it_is`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs, Sample, decoded
from harness.loading.data.folder import Image
from harness.loading.loop.epoch import Batch


def as_it_is(batch: Any) -> Any:
    """The ``collate_fn`` of a dataset whose batches are made already."""
    return batch


class DigitBatches(Dataset[Any]):
    """As `Digits`, whole batches by indexing: images float32 [n, 1, 28, 28] in 0..1.

    It needs no torchvision: a worker that is spawned, and imports everything anew, starts in half the time.
    """

    def __init__(self, file: Path, samples: int) -> None:
        with np.load(file, allow_pickle=False) as stored:
            self._pixels, self._labels = (
                torch.from_numpy(stored["images"]),
                torch.from_numpy(stored["labels"]),
            )
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitems__(self, places: list[int]) -> Batch:
        """The batch of those places."""
        ids = torch.tensor(places)
        index = ids % len(self._labels)
        return self._pixels[index].unsqueeze(1).float().div_(255), self._labels[index], ids


def framed() -> recipe.Transform:
    """PIL image to PIL image of 224 x 224: what `recipe.augmented` does before it converts."""
    from torchvision.transforms import Compose, RandomHorizontalFlip, RandomResizedCrop

    crop = RandomResizedCrop(recipe.SIZE, scale=recipe.AREA, ratio=recipe.RATIO)
    made: recipe.Transform = Compose([crop, RandomHorizontalFlip()])
    return made


class PhotographBatches(Photographs):
    """As `Photographs`, but a batch is converted and normalised in one go: images float32 [n, 3,
    height, width].

    ``frame`` makes what turns PIL images into such of one size.
    """

    def __init__(self, images: Sequence[Image], frame: Callable[[], recipe.Transform] = framed) -> None:
        super().__init__(images, frame)
        self._mean = torch.tensor(recipe.MEAN).view(3, 1, 1)
        self._std = torch.tensor(recipe.STD).view(3, 1, 1)

    def __getitem__(self, place: int) -> Sample:
        images, labels, _ = self.__getitems__([place])
        return images[0], int(labels[0]), place

    def __getitems__(self, places: list[int]) -> Batch:
        """The batch of those places. Raises DataError naming a file that cannot be decoded."""
        chosen = [self.images[place] for place in places]
        pixels = np.stack([np.asarray(self.transform(decoded(path))) for path, _ in chosen])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float().div_(255)
        labels = torch.tensor([label for _, label in chosen])
        return images.sub_(self._mean).div_(self._std), labels, torch.tensor(places)
