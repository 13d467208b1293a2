"""A prefetcher that copies the next batch to the GPU on a stream of its own, while the step runs.
CUDA only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Unpack

from harness.loading.loaders import snippets
from harness.loading.loaders.dataloader import PlainLoader, PlainOptions, dataset
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest
from harness.loading.loop.epoch import Batch
from harness.loading.loop.loader import Loader, take_some

if TYPE_CHECKING:
    import torch
    from torch.utils.data import Dataset

_AFTER = """

def copied_ahead(batches, device):
    side, waiting = torch.cuda.Stream(device), None
    for images, labels in batches:
        with torch.cuda.stream(side):
            copied = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            ready = side.record_event()
        if waiting is not None:
            yield arrived(*waiting)
        waiting = copied, ready
    if waiting is not None:
        yield arrived(*waiting)


def arrived(batch, ready):
    current = torch.cuda.current_stream()
    current.wait_event(ready)
    for tensor in batch:
        tensor.record_stream(current)  # its memory belongs to the other stream
    return batch


batches = copied_ahead(loader, torch.device("cuda"))  # one epoch"""


class SideStreamLoader(PlainLoader):
    """A DataLoader with pinned memory whose batches are copied one ahead on a side stream."""

    def __init__(self, dataset: Callable[[], Dataset[object]], **options: Unpack[PlainOptions]) -> None:
        # A copy from pageable memory blocks the host, whatever stream it is on: there would be
        # nothing to overlap.
        options["pin_memory"] = options["non_blocking"] = True
        super().__init__(dataset, **options)

    @property
    def depth(self) -> int:
        """The workers' batches and the one whose copy is under way."""
        return super().depth + 1

    def batches(self) -> Iterable[Batch]:
        """One epoch's batches on the device, each copied while the one before is used."""
        return copied_ahead(self.host_batches(), self.device, self.copying)

    def leave_early(self) -> None:
        """Break out of a user's loop around the prefetcher."""
        take_some(copied_ahead(self.users_batches(), self.device))


def copied_ahead(
    batches: Iterable[Batch],
    device: torch.device,
    copying: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Batch]:
    """The batches on the device, in order; the next one's copy is under way when one is handed over.

    ``copying`` is what each copy happens in.
    """
    import torch

    side = torch.cuda.Stream(device)
    waiting: tuple[Batch, torch.cuda.Event] | None = None
    for images, labels, ids in batches:
        with copying(), torch.cuda.stream(side):
            copied = images.to(device, non_blocking=True), labels.to(device, non_blocking=True), ids
            # An event for each copy: waiting for the whole stream would wait for the next batch's
            # copy as well.
            ready = side.record_event()
        if waiting is not None:
            yield _arrived(*waiting)
        waiting = copied, ready
    if waiting is not None:
        yield _arrived(*waiting)


def _arrived(batch: Batch, ready: torch.cuda.Event) -> Batch:
    import torch

    # The step must not start before the copy has ended, and the allocator must not hand out the
    # memory, which belongs to the side stream, before the step has ended.
    current = torch.cuda.current_stream(batch[0].device)
    current.wait_event(ready)
    for tensor in batch[:2]:
        tensor.record_stream(current)
    return batch


def _missing(device: torch.device) -> str | None:
    return None if device.type == "cuda" else "copies to a GPU: no CUDA here"


def _make(request: LoaderRequest) -> Loader:
    return SideStreamLoader(partial(dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(request, snippets.PILLOW) + _AFTER


KIND = LoaderKind("side_stream", LoaderWorkers.PROCESSES, _make, _snippet, missing=_missing, dataset=dataset)
