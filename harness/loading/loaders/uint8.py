"""uint8 over the bus: workers crop, resize and flip, and floats are made of it on the device, after
the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from harness.loading.data import recipe
from harness.loading.data.folder import Image
from harness.loading.loaders import snippets
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest
from harness.loading.loaders.tensors import missing
from harness.loading.loop.epoch import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from harness.loading.loop.loader import Loader

_UINT8 = f"""\
{snippets.DECODED}transform = v2.Compose([
    v2.RandomResizedCrop(224, antialias=True),
    v2.RandomHorizontalFlip(),
])
dataset = ImageFolder(folder, transform, loader=decoded, allow_empty=True)
to_float = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize({snippets.MEAN}, {snippets.STD})])
# in the loop, on the device: images = to_float(images.to(device, non_blocking=True))
"""


class CountedLoader(PlainLoader):
    """A DataLoader whose epochs report how many bytes of images went to the device (``moved_bytes``)."""

    _moved = 0

    def host_batches(self) -> Iterable[Batch]:
        """The live DataLoader's batches, counted."""
        for batch in super().host_batches():
            self._moved += batch[0].nbytes
            yield batch

    def counters(self) -> Mapping[str, float]:
        """Bytes of images so far, and what the plain loader counts."""
        return {**super().counters(), "moved_bytes": float(self._moved)}


class Uint8Loader(CountedLoader):
    """A DataLoader of uint8 images, whose batches become float32, scaled and normalised, on the device.

    Its dataset's recipe is one of transforms v2 without floats. Raises TypeError for images that
    are not uint8.
    """

    @cached_property
    def _normalised(self) -> Callable[[Tensor], Tensor]:
        return recipe.normaliser(self.device)

    def batches(self) -> Iterator[Batch]:
        """One epoch's batches on the device, in float32."""
        import torch

        for images, labels, ids in super().batches():
            if images.dtype != torch.uint8:
                raise TypeError(
                    f"images come as {images.dtype}, not uint8: give the dataset a recipe without floats"
                )
            yield self._normalised(images), labels, ids


def _dataset(images: Sequence[Image], fixed: bool) -> Any:
    from harness.loading.data import decoders
    from harness.loading.data.dataset import Photographs

    made = recipe.fixed_v2 if fixed else recipe.augmented_v2
    return Photographs(images, partial(made, floats=False), decoders.to_tensor)


def _make(request: LoaderRequest) -> Loader:
    return Uint8Loader(partial(_dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(request, _UINT8)


KIND = LoaderKind(
    "uint8",
    LoaderWorkers.PROCESSES,
    _make,
    _snippet,
    missing=missing,
    default=True,
    value_bytes=1,
    dataset=_dataset,
    finish=recipe.normaliser,
)
