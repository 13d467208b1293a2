"""A DataLoader of images that were decoded and resized once: only the crop, the flip and the floats
are left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.loading.data import recipe
from harness.loading.data.folder import Image
from harness.loading.loaders import snippets
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest

if TYPE_CHECKING:
    from harness.loading.loop.loader import Loader

_PACKED = f"""\
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, Resize, v2

pixels = Path("pixels.npy")  # 192 KiB an image, written once; delete it where the images change
images = ImageFolder(folder, Compose([Resize(256), CenterCrop(256)]), allow_empty=True)
if not pixels.exists():
    written = np.lib.format.open_memmap(pixels, "w+", np.uint8, (len(images), 256, 256, 3))
    for place, (picture, _) in enumerate(images):
        written[place] = picture
    written.flush()


class Packed(Dataset):
    def __init__(self, file, labels, transform):
        self.pixels, self.labels, self.transform = np.load(file, mmap_mode="r"), labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, place):
        image = torch.from_numpy(self.pixels[place].copy()).permute(2, 0, 1)
        return self.transform(image), self.labels[place]


{snippets.TENSORS_TRANSFORM}dataset = Packed(pixels, images.targets, transform)
"""


def _dataset(images: Sequence[Image], fixed: bool) -> Any:
    from harness.loading.data.dataset import Photographs
    from harness.loading.data.packed import packed

    return Photographs(images, recipe.fixed_v2 if fixed else recipe.augmented_v2, packed(images))


def _make(request: LoaderRequest) -> Loader:
    return PlainLoader(partial(_dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(request, _PACKED)


KIND = LoaderKind("packed", LoaderWorkers.PROCESSES, _make, _snippet, dataset=_dataset)
