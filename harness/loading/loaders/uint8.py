"""uint8 over the bus: workers crop, resize and flip, and floats are made of it on the device, after the copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch

from harness.loading.data import recipe
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Batch, Epoch


class CountedLoader(PlainLoader):
    """A DataLoader whose epochs say how many bytes of images went to the device (``moved_bytes``)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._moved = 0

    def host_batches(self) -> Iterable[Batch]:
        """The live DataLoader's batches, counted."""
        for batch in super().host_batches():
            self._moved += batch[0].nbytes
            yield batch

    def __call__(self) -> Epoch:
        """Run one epoch."""
        before = self._moved
        epoch = super().__call__()
        return replace(epoch, readings={**epoch.readings, "moved_bytes": float(self._moved - before)})


class Uint8Loader(CountedLoader):
    """A DataLoader of uint8 images, whose batches become float32, scaled and normalised, on the device.

    Its dataset's recipe is one of transforms v2 without floats. Raises TypeError for images that are not uint8.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._normalised = recipe.normaliser(self.device)

    def batches(self) -> Iterator[Batch]:
        """One epoch's batches on the device, in float32."""
        for images, labels, ids in super().batches():
            if images.dtype != torch.uint8:
                raise TypeError(f"images come as {images.dtype}, not uint8: give the dataset a recipe without floats")
            yield self._normalised(images), labels, ids
