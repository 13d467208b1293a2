"""torch's DataLoader, plain."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Required, TypedDict

from harness.loading.data import recipe
from harness.loading.data.folder import Image
from harness.loading.loaders import snippets
from harness.loading.loaders.done_event import survive_dead_workers
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest
from harness.loading.loop.epoch import Batch, Step
from harness.loading.loop.loader import Loader, take_some

if TYPE_CHECKING:
    import torch
    from torch.utils.data import Dataset, Sampler


class PlainOptions(TypedDict, total=False):
    """The keywords of `PlainLoader`, for those who pass them on."""

    batch_size: Required[int]
    workers: int
    prefetch_factor: int | None
    pin_memory: bool
    non_blocking: bool
    persistent: bool
    shuffle: bool
    sampler: Callable[[Dataset[object]], Sampler[int]] | None
    in_order: bool
    collate_fn: Callable[..., object] | None
    worker_init_fn: Callable[[int], object] | None
    multiprocessing_context: str | None
    timeout: float
    device: torch.device | str
    step: Step | None


class PlainLoader(Loader):
    """A DataLoader whose epochs start and end alike: with idle workers and empty queues, or with no
    workers at all.

    ``dataset`` makes the dataset, in the process that loads; ``sampler`` makes a sampler of it.
    ``prefetch_factor`` is in batches a worker, ``timeout`` in seconds for a batch from a worker (0:
    none). ``persistent`` workers live until the loader is closed, others are started by each epoch
    and end with it. The other options are DataLoader's own; those that are for workers do nothing
    where there are none.
    """

    def __init__(
        self,
        dataset: Callable[[], Dataset[object]],
        *,
        batch_size: int,
        workers: int = 0,
        prefetch_factor: int | None = None,
        pin_memory: bool = False,
        non_blocking: bool = False,
        persistent: bool = True,
        shuffle: bool = False,
        sampler: Callable[[Dataset[object]], Sampler[int]] | None = None,
        in_order: bool = True,
        collate_fn: Callable[..., object] | None = None,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: str | None = None,
        timeout: float = 0.0,
        device: torch.device | str = "cpu",
        step: Step | None = None,
    ) -> None:
        super().__init__(device=device, step=step)
        self.dataset = dataset()
        self.workers = workers
        self.persistent = persistent and workers > 0
        self.non_blocking = non_blocking
        self.options: dict[str, Any] = {
            "batch_size": batch_size,
            "num_workers": workers,
            "prefetch_factor": prefetch_factor if workers else None,
            "pin_memory": pin_memory,
            "sampler": None,
            "in_order": in_order,
            "collate_fn": collate_fn,
            "worker_init_fn": worker_init_fn,
            "multiprocessing_context": multiprocessing_context if workers else None,
            "timeout": timeout if workers else 0.0,
        }
        self._places = self._chosen(sampler, shuffle=shuffle)
        if self._places is not None:
            self.options["sampler"] = self._places
        self._live: _Followed | None = None
        self._feeders: set[threading.Thread] = set()

    def _chosen(
        self, sampler: Callable[[Dataset[object]], Sampler[int]] | None, *, shuffle: bool
    ) -> _Places | None:
        """The places of samples, in their order; None for a dataset that has an order of its own."""
        from torch.utils.data import IterableDataset, RandomSampler, SequentialSampler

        if isinstance(self.dataset, IterableDataset):
            return None
        if sampler is not None:
            return _Places(sampler(self.dataset))
        sized: Any = self.dataset
        return _Places(RandomSampler(sized) if shuffle else SequentialSampler(sized))

    @property
    def depth(self) -> int:
        """Batches that the workers keep ready; none without workers."""
        return self.workers * (self.options["prefetch_factor"] or 2)

    def endless(self) -> Iterator[Batch] | None:
        """The same workers' batches, places chosen again and again."""
        return None if self._places is None else self._unending(self._places)

    def _unending(self, places: _Places) -> Iterator[Batch]:
        # DataLoader asks for the places of an epoch when it begins, which is when the first batch is asked
        # for.
        places.endless = True
        try:
            batches = iter(self.batches())
            yield next(batches)
        finally:
            places.endless = False
        yield from batches

    def host_batches(self) -> Iterable[Batch]:
        """The live DataLoader: batches as workers deliver them, in host memory."""
        if self._live is None:
            self._live = _Followed(self._dataloader(persistent_workers=self.persistent), self._feeders)
        return self._live

    def users_batches(self) -> Iterable[Batch]:
        """A new DataLoader as most users make it, its workers gone when its iterator is."""
        return _Followed(self._dataloader(), set())

    def _dataloader(self, **more: Any) -> Iterable[Batch]:
        from torch.utils.data import DataLoader

        return DataLoader(self.dataset, **self.options, **more)

    def batches(self) -> Iterable[Batch]:
        """One epoch's batches on the device."""
        return self.moved(self.host_batches(), non_blocking=self.non_blocking)

    def leave_early(self) -> None:
        """Break out of a user's loop, not of the persistent one, whose idle workers are no leak."""
        before = feeders()
        take_some(self.moved(self.users_batches(), non_blocking=self.non_blocking))
        _let_end(feeders() - before)

    def close(self) -> None:
        """Shut the workers down and wait for them."""
        live, self._live = self._live, None
        if live is None:
            return
        # Dropping the iterator shuts its workers down too, but only once nothing else (a traceback,
        # say) refers to it.
        shutdown = getattr(live.latest(), "_shutdown_workers", None)
        if shutdown is not None:
            # A queue that nothing was put into gets its thread with the news that its worker is to end.
            before = feeders()
            shutdown()
            self._feeders |= feeders() - before
        # Not those of other loaders, which may go on for long.
        _let_end(self._feeders)
        self._feeders.clear()


class _Places:
    """A sampler of places, whose next epoch has no end where ``endless`` is set."""

    def __init__(self, sampler: Sampler[int]) -> None:
        self.sampler = sampler
        self.endless = False

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int]:
        # Both in C: a layer of Python around each place would be paid in what samplers are compared for.
        return chain.from_iterable(repeat(self.sampler)) if self.endless else iter(self.sampler)


class _Followed:
    """A DataLoader and the iterator that it made last, as long as there is one; threads that its epochs start
    to feed workers are added to ``own``."""

    def __init__(self, loader: Iterable[Batch], own: set[threading.Thread]) -> None:
        self.loader = loader
        self.own = own
        self.latest: Callable[[], Any] = lambda: None

    def __iter__(self) -> Iterator[Batch]:
        before = feeders()
        iterator = iter(self.loader)
        survive_dead_workers(iterator)
        self.own |= feeders() - before
        self.latest = weakref.ref(iterator)
        return iterator


def feeders() -> set[threading.Thread]:
    """The threads that feed workers' queues, of all loaders."""
    return {thread for thread in threading.enumerate() if thread.name == "QueueFeederThread"}


def _let_end(closed: set[threading.Thread], seconds: float = 5.0) -> None:
    # A closed queue's feeder thread ends by itself, a moment later; a count of threads right after
    # closing must not include it.
    end = time.monotonic() + seconds
    for thread in closed:
        thread.join(max(0.0, end - time.monotonic()))


def dataset(images: Sequence[Image], fixed: bool) -> Any:
    """Decoded by Pillow, put through transforms v1: what most people have."""
    from harness.loading.data.dataset import Photographs

    return Photographs(images, recipe.fixed if fixed else recipe.augmented)


def _make(request: LoaderRequest) -> Loader:
    return PlainLoader(partial(dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(request, snippets.PILLOW)


KIND = LoaderKind("dataloader", LoaderWorkers.PROCESSES, _make, _snippet, default=True, dataset=dataset)
