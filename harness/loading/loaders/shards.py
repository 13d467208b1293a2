"""A DataLoader of images in tar shards, read one after another by webdataset."""

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
    import torch

    from harness.loading.loop.loader import Loader

_SHARDS = f"""\
from glob import glob
from pathlib import Path

import torch
import webdataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

if not glob("shards-*.tar"):  # written once; delete them where the images change
    files = ImageFolder(folder, allow_empty=True).samples
    with webdataset.ShardWriter("shards-%05d.tar", maxcount=-(-len(files) // 16), verbose=0) as writer:
        for place, (path, label) in enumerate(files):
            writer.write({{"__key__": f"{{place:09d}}", "jpg": Path(path).read_bytes(), "cls": label}})

{snippets.PILLOW_TRANSFORM}dataset = (
    webdataset.WebDataset(sorted(glob("shards-*.tar")), shardshuffle=False, empty_check=False)
    .decode("pil")
    .to_tuple("jpg", "cls")
    .map_tuple(transform, int)
)
"""


def _missing(_device: torch.device) -> str | None:
    from harness.loading.data import shards

    return shards.missing()


def _dataset(images: Sequence[Image], fixed: bool) -> Any:
    from harness.loading.data import shards

    return shards.ShardedPhotographs(
        shards.sharded(images), images, recipe.fixed if fixed else recipe.augmented
    )


def _make(request: LoaderRequest) -> Loader:
    return PlainLoader(partial(_dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(
        request, _SHARDS, shuffle=False
    )  # they are read in the order they were written in


KIND = LoaderKind(
    "shards", LoaderWorkers.PROCESSES, _make, _snippet, extra="shards", missing=_missing, ordered=True
)
