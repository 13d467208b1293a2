"""Datasets whose samples carry an id, so that every loader kind can be held to delivering each
exactly once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import Dataset

from harness.loading.data import decoders, recipe
from harness.loading.data.folder import DataError, Image, first_images

MOST = 4096
"""Different images an epoch draws on at most: more would be listed for nothing, and not stay in the
page cache."""

Sample = tuple[Tensor, int, int]


def epoch_images(folder: Path, samples: int, seed: int = 0) -> list[Image]:
    """The files of an epoch of that many samples, shuffled; a smaller folder's images come round again.

    A sample's id is its place in this list. The order is the same for all: what differs between
    loaders is loading.
    """
    images = first_images(folder, min(samples, MOST))
    random.Random(seed).shuffle(images)
    return [images[place % len(images)] for place in range(samples)]


decoded = decoders.with_pillow
"""The usual decoder."""


class Photographs(Dataset[Sample]):
    """Image files, decoded and put through a recipe; a sample is (image, label, id).

    ``transform`` makes the recipe, which must take what ``decode`` gives: those of transforms v1
    take Pillow's images alone.
    """

    def __init__(
        self,
        images: Sequence[Image],
        transform: Callable[[], recipe.Transform] = recipe.augmented,
        decode: decoders.Decode = decoded,
    ) -> None:
        self.images = images
        self.transform = transform()
        self.decode = decode

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> Sample:
        path, label = self.images[place]
        return self.transform(self.decode(path)), label, place


class Digits(Dataset[Sample]):
    """Tiny grey samples from memory, handled as torchvision's MNIST; a sample is (float32 [1, 28,
    28], label, id).
    """

    def __init__(self, file: Path, samples: int) -> None:
        import numpy as np
        from torchvision.transforms import ToTensor

        with np.load(file, allow_pickle=False) as stored:
            self.images, self.labels = stored["images"], stored["labels"].tolist()
        self.samples = samples
        self.transform = ToTensor()

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, place: int) -> Sample:
        index = place % len(self.labels)
        return self.transform(Pillow.fromarray(self.images[index])), self.labels[index], place


def broken_file(paths: Sequence[str]) -> DataError | None:
    """The error of `decoded` for the first file that it cannot decode; None where all can be."""
    for path in dict.fromkeys(paths):
        try:
            decoded(path)
        except DataError as error:
            return error
    return None
