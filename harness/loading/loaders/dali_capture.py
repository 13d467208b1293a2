"""DALI's dynamic mode with capture, which makes a pipeline of the operators that it sees called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.loading.loaders import dali_dynamic
from harness.loading.loaders.dali_shared import missing
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest

if TYPE_CHECKING:
    from harness.loading.loop.loader import Loader


def _make(request: LoaderRequest) -> Loader:
    return dali_dynamic.make(request, capture=True)


def _snippet(request: SnippetRequest) -> str:
    return dali_dynamic.code(request, capture=True)


KIND = LoaderKind(
    "dali_capture", LoaderWorkers.THREADS, _make, _snippet, extra="dali", missing=missing, queued=False
)
