"""torchdata's nodes: a chain of iterators in this process, of which one maps with threads and one
fetches ahead.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence, Set
from functools import partial
from string import Template
from typing import TYPE_CHECKING, Any

from harness.loading.loaders import snippets, tensors
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest
from harness.loading.loaders.threaded import ThreadedLoader
from harness.loading.loop.epoch import Batch

if TYPE_CHECKING:
    import torch

    from harness.loading.loop.loader import Loader

_NODES = Template("""
from torch.utils.data import RandomSampler, default_collate
from torchdata import nodes

places = nodes.SamplerWrapper(RandomSampler(dataset))
samples = nodes.ParallelMapper(places, dataset.__getitem__, num_workers=$workers, method="thread")
batches = nodes.Mapper(nodes.Batcher(samples, $batch_size, drop_last=False), default_collate)
loader = nodes.Loader(nodes.Prefetcher(batches, $ahead))""")

THREADS = ("(_apply_udf)", "(_populate_queue)", "(_sort_worker)", "(_pin_memory_loop)")
"""How the names of the threads end that nodes start."""


def missing(_device: torch.device | None = None) -> str | None:
    """Why there are no nodes here; None where there are."""
    if importlib.util.find_spec("torchdata") is None or importlib.util.find_spec("torchdata.nodes") is None:
        return "torchdata's nodes are not installed (pip install torchdata)"
    return None


class NodesLoader(ThreadedLoader):
    """Threads of torchdata's nodes, which are reset by each epoch; their threads end with it."""

    _chain: Sequence[Any] = ()
    _others_threads: Set[threading.Thread] = frozenset()
    _torch_threads = 0

    def batches(self) -> Iterator[Batch]:
        """One epoch's batches on the device."""
        import torch

        if not self._chain:
            self._others_threads = set(threading.enumerate())
            self._torch_threads = torch.get_num_threads()
            self._chain = self._nodes()
        return self.moved(self._chain[-1], non_blocking=self.non_blocking)

    def close(self) -> None:
        """Stop the threads, which look up every tenth of a second, and join them."""
        import torch

        chain, self._chain = self._chain, ()
        for node in chain:
            # Nodes stop their threads when the last reference to them goes, which a traceback may
            # hold for long.
            iterator = node
            while (iterator := getattr(iterator, "_it", None)) is not None:
                getattr(iterator, "_shutdown", int)()
        for thread in set(threading.enumerate()) - self._others_threads if chain else ():
            if thread.name.endswith(THREADS):
                thread.join(1.0)
        if chain:
            # Each of these threads set torch to one thread, which applies to all threads that are
            # started later.
            torch.set_num_threads(self._torch_threads)

    def _nodes(self) -> list[Any]:
        from torch.utils.data import SequentialSampler, default_collate

        nodes: Any = importlib.import_module("torchdata.nodes")
        places = nodes.SamplerWrapper(SequentialSampler(self.dataset))
        samples = nodes.ParallelMapper(
            places, self.dataset.__getitem__, num_workers=self.threads, method="thread"
        )
        collated = nodes.Mapper(nodes.Batcher(samples, self.batch_size, drop_last=False), default_collate)
        pinned = nodes.PinMemory(collated) if self.pin_memory else collated
        fetched = nodes.Prefetcher(pinned, self.ahead)
        return [samples, pinned, fetched, nodes.Loader(fetched)]


def _missing(device: torch.device) -> str | None:
    return missing() or tensors.missing(device)


def _make(request: LoaderRequest) -> Loader:
    return NodesLoader(partial(tensors.dataset, request.images, request.fixed), **request.for_threads)


def _snippet(request: SnippetRequest) -> str:
    return snippets.TENSORS + _NODES.substitute(request.facts)


KIND = LoaderKind(
    "nodes",
    LoaderWorkers.THREADS,
    _make,
    _snippet,
    extra="nodes",
    missing=_missing,
    dataset=tensors.dataset,
)
