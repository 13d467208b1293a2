"""A DataLoader of images that TorchCodec or torchvision decodes as tensors and transforms v2 prepare."""

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


def dataset(images: Sequence[Image], fixed: bool) -> Any:
    """Decoded by TorchCodec or torchvision, put through transforms v2 as tensors."""
    from harness.loading.data import decoders
    from harness.loading.data.dataset import Photographs

    return Photographs(images, recipe.fixed_v2 if fixed else recipe.augmented_v2, decoders.to_tensor)


def missing(_device: torch.device) -> str | None:
    """Why neither TorchCodec nor torchvision decodes here."""
    from harness.loading.data import decoders

    return decoders.missing()


def _make(request: LoaderRequest) -> Loader:
    return PlainLoader(partial(dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(request, snippets.TENSORS)


KIND = LoaderKind(
    "tensors", LoaderWorkers.PROCESSES, _make, _snippet, missing=missing, default=True, dataset=dataset
)
