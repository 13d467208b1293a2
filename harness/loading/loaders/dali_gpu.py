"""A pipeline of NVIDIA DALI that decodes on the GPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.loading.loaders import dali
from harness.loading.loaders.dali_shared import missing
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest

if TYPE_CHECKING:
    import torch

    from harness.loading.loop.loader import Loader


def _missing(device: torch.device) -> str | None:
    return missing() or (None if device.type == "cuda" else "decodes on a GPU: no CUDA here")


def _make(request: LoaderRequest) -> Loader:
    return dali.make(request, "gpu")


def _snippet(request: SnippetRequest) -> str:
    return dali.code(replace(request, on_gpu=True), "mixed")


KIND = LoaderKind(
    "dali_gpu", LoaderWorkers.THREADS, _make, _snippet, extra="dali", missing=_missing, default=True
)
