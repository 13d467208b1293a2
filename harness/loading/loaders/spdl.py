"""SPDL: a pipeline of threads in this process, driven by an event loop in another of its threads."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from string import Template
from typing import TYPE_CHECKING, Any, TypeVar

from harness.loading.loaders import snippets, tensors
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest
from harness.loading.loaders.threaded import ThreadedLoader
from harness.loading.loop.epoch import Batch

if TYPE_CHECKING:
    import torch

    from harness.loading.loop.loader import Loader

T = TypeVar("T")
U = TypeVar("U")

_SPDL = Template("""
from spdl.pipeline import PipelineBuilder
from torch.utils.data import default_collate

pipeline = (
    PipelineBuilder()
    .add_source(range(len(dataset)))
    .pipe(dataset.__getitem__, concurrency=$workers, output_order="input")
    .aggregate($batch_size)
    .pipe(default_collate)
    .add_sink($ahead)
    .build(num_threads=$workers)
)
with pipeline.auto_stop():
    for batch in pipeline.get_iterator():
        ...""")


def missing(_device: torch.device | None = None) -> str | None:
    """Why there is no SPDL here; None where there is."""
    if importlib.util.find_spec("spdl") is None or importlib.util.find_spec("spdl.pipeline") is None:
        return "SPDL is not installed (pip install spdl-core)"
    return None


class SpdlLoader(ThreadedLoader):
    """Threads of SPDL.

    Each epoch has its own pipeline: one that lived on would begin the next epoch in another variant's round.
    """

    _live: Any = None

    def batches(self) -> Iterator[Batch]:
        """One epoch's batches on the device."""
        return self.moved(self._host_batches(), non_blocking=self.non_blocking)

    def close(self) -> None:
        """Stop the pipeline and join its threads."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _host_batches(self) -> Iterator[Batch]:
        self.close()
        builder: Any = importlib.import_module("spdl.pipeline").PipelineBuilder()
        self._live = (
            builder.add_source(range(len(self.dataset)))
            .pipe(_error_as_result(self.dataset.__getitem__), concurrency=self.threads, output_order="input")
            .aggregate(self.batch_size)
            .pipe(_error_as_result(self._batch))
            .add_sink(self.ahead)
            .build(num_threads=self.threads)
        )
        for batch in self._live.get_iterator():
            if isinstance(batch, Exception):
                self.close()
                raise batch
            yield batch

    def _batch(self, samples: list[Any]) -> Batch:
        from torch.utils.data import default_collate

        for sample in samples:
            if isinstance(sample, Exception):
                raise sample
        images, labels, ids = default_collate(samples)
        return (images.pin_memory(), labels.pin_memory(), ids) if self.pin_memory else (images, labels, ids)


def _error_as_result(work: Callable[[T], U]) -> Callable[[T], U | Exception]:
    """The work, with what it raises as its result: a pipeline only logs that, and goes on without
    the sample.
    """

    def wrapped(item: T) -> U | Exception:
        try:
            return work(item)
        except Exception as error:
            return error

    return wrapped


def _missing(device: torch.device) -> str | None:
    return missing() or tensors.missing(device)


def _make(request: LoaderRequest) -> Loader:
    return SpdlLoader(partial(tensors.dataset, request.images, request.fixed), **request.for_threads)


def _snippet(request: SnippetRequest) -> str:
    return snippets.TENSORS + _SPDL.substitute(request.facts)


KIND = LoaderKind(
    "spdl",
    LoaderWorkers.THREADS,
    _make,
    _snippet,
    extra="spdl",
    missing=_missing,
    dataset=tensors.dataset,
)
