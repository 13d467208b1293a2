"""Decoding ahead of time: a dataset that does it when it is made, and what the start of a loader costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from PIL import Image as Pillow

from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs, Sample, decoded, epoch_images
from harness.loading.data.folder import DataError, Image
from harness.loading.loop.epoch import Epoch, run_epoch
from harness.loading.loop.loader import Loader

MOST_BYTES = 512 * 2**20
"""Decoded pixels that are held at most: a folder of large photographs would not fit into memory."""


class Preloaded(Photographs):
    """Image files, all of them decoded in ``__init__`` and kept; a sample is (image, label, id)."""

    def __init__(
        self, images: Sequence[Image], transform: Callable[[], recipe.Transform] = recipe.augmented
    ) -> None:
        super().__init__(images, transform)
        self.pictures = {path: decoded(path) for path in dict.fromkeys(image.path for image in images)}

    def __getitem__(self, place: int) -> Sample:
        path, label = self.images[place]
        return self.transform(self.pictures[path]), label, place


def bounded_epoch(folder: Path, samples: int, most_bytes: int = MOST_BYTES) -> list[Image]:
    """As `epoch_images`, but the different images, at least one, have at most so many bytes of RGB
    pixels together.
    """
    kept: dict[str, Image] = {}
    held = 0
    images = epoch_images(folder, samples)
    for image in images:
        if image.path not in kept:
            held += _pixel_bytes(image.path)
            if kept and held > most_bytes:
                break
            kept[image.path] = image
    different = list(kept.values())
    return [different[place % len(different)] for place in range(samples)]


def _pixel_bytes(path: str) -> int:
    try:
        with Pillow.open(path) as image:
            return 3 * image.width * image.height
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded ({error}): remove or replace it") from error


class StartUp:
    """Starts a loader from nothing, takes its first batch and closes it, every time it is called.

    The epoch it returns holds that batch alone; ``start_up_seconds`` are those until it came,
    without closing.
    """

    def __init__(self, make: Callable[[], Loader]) -> None:
        self.make = make

    def __call__(self) -> Epoch:
        """Start once."""
        begin = time.perf_counter()
        with self.make() as loader:
            made = time.perf_counter() - begin
            first = run_epoch(islice(loader.batches(), 1), loader.step)
        readings = {"start_up_seconds": made + first.readings["first_batch_seconds"]}
        return replace(first, readings=readings)
