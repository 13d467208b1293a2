"""Workers that only read files, and JPEGs decoded on the device a batch at a time: on a GPU by nvJPEG.

The GPU's way was written without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from harness.loading.data import decoders, recipe
from harness.loading.data.folder import DataError, Image
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Batch
from harness.loading.loop.loader import take_some

Encoded = tuple[tuple[Tensor, Sequence[int]], Tensor, Tensor]
"""A batch of files: their bytes one after another and how many belong to each, the labels, the ids."""


class Files(Dataset[tuple[bytes, int, int]]):
    """Image files as they are; a sample is (bytes, label, id)."""

    def __init__(self, images: Sequence[Image]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> tuple[bytes, int, int]:
        path, label = self.images[place]
        try:
            return Path(path).read_bytes(), label, place
        except OSError as error:
            raise DataError(f"{path} cannot be decoded ({error}): remove or replace it") from error


def joined(samples: Sequence[tuple[bytes, int, int]]) -> Encoded:
    """A batch as one piece of memory: each tensor sent by a worker costs a file descriptor."""
    contents, labels, ids = zip(*samples, strict=True)
    encoded = torch.frombuffer(bytearray(b"".join(contents)), dtype=torch.uint8)
    return (encoded, [len(content) for content in contents]), torch.tensor(labels), torch.tensor(ids)


class DeviceDecodingLoader(PlainLoader):
    """A DataLoader of files, whose images are decoded and prepared on the device, one recipe of
    transforms v2 for all.

    Batches with other files than JPEG, or damaged ones, are decoded on the CPU, and epochs report
    how many they were (``cpu_batches``). Raises DataError naming the file; a decoder that cannot
    decode a sound JPEG is an error when the loader is made, whatever that error is.
    """

    def __init__(
        self,
        images: Sequence[Image],
        *,
        transform: Callable[[], recipe.Transform] = recipe.augmented_v2,
        **options: Any,
    ) -> None:
        super().__init__(partial(Files, images), **options)
        self.options["collate_fn"] = joined
        self.images = images
        self.transform = transform()
        self._refused = 0
        self._decode([decoders.sound_jpeg()])

    def batches(self) -> Iterator[Batch]:
        """One epoch's batches on the device."""
        return self._prepared(self.host_batches())

    def leave_early(self) -> None:
        """Break out of a user's loop."""
        take_some(self._prepared(self.users_batches()))

    def _prepared(self, batches: Iterable[Any]) -> Iterator[Batch]:
        for (encoded, sizes), labels, ids in batches:
            contents = [memoryview(part.numpy()) for part in encoded.split(list(sizes))]
            images = torch.stack([self.transform(image) for image in self._decoded(contents, ids.tolist())])
            with self.copying():
                there = labels.to(self.device, non_blocking=self.non_blocking)
            yield images, there, ids

    def counters(self) -> Mapping[str, float]:
        """Batches decoded on the CPU so far, and what the plain loader counts."""
        return {**super().counters(), "cpu_batches": float(self._refused)}

    def _decode(self, contents: Sequence[bytes | memoryview]) -> list[Tensor]:
        return decoders.jpegs_to_tensors(contents, self.device)

    def _decoded(self, contents: Sequence[memoryview], ids: Sequence[int]) -> list[Tensor]:
        try:
            return self._decode(contents)
        except RuntimeError:
            self._refused += 1
            # A batch is refused as a whole, and without saying which of its files it was.
            paths = [self.images[place].path for place in ids]
            images = [
                decoders.to_tensor(path, bytes(content))
                for path, content in zip(paths, contents, strict=True)
            ]
            with self.copying():
                return [image.to(self.device) for image in images]
