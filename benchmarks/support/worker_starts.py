"""What starting workers costs: seconds until the first batch, and memory while they are at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing import set_forkserver_preload
from typing import Any

import torch
from torch.utils.data import Dataset

from harness.loading.loop.epoch import Batch, Epoch
from harness.loading.loop.loader import Loader
from harness.probes import ProcessTree


class Records(Dataset[Any]):
    """Samples that are Python objects: ``count`` records, each a tuple with a text in it.

    Whole batches, to be collated with `whole_batches.as_it_is`; images are empty [n, 0]. An epoch looks at
    every record once.
    """

    def __init__(self, samples: int, count: int) -> None:
        self.samples = samples
        self.records = [(f"{place}.jpg", place % 10) for place in range(count)]

    def __len__(self) -> int:
        return self.samples

    def __getitems__(self, places: list[int]) -> Batch:
        """The batch of those places; a sample's label is the sum of those of its records."""
        labels = [sum(label for _, label in self.records[place :: self.samples]) for place in places]
        return torch.empty(len(places), 0), torch.tensor(labels), torch.tensor(places)


class WorkerStart:
    """Starts a loader from nothing, runs an epoch and closes it, every time it is called.

    Among the readings are ``start_up_seconds``, until the first batch came, and ``tree_bytes``, the memory of
    this process and those below it after the epoch. ``preload`` are modules that a forkserver imports before
    it forks; it is one for the whole process, and stays.
    """

    def __init__(self, make: Callable[[], Loader], preload: Sequence[str] = ()) -> None:
        self.make = make
        self._tree = ProcessTree()
        set_forkserver_preload(list(preload))

    def __call__(self) -> Epoch:
        """Start once."""
        begin = time.perf_counter()
        with self.make() as loader:
            made = time.perf_counter() - begin
            epoch = loader()
            held, _ = self._tree.memory()
        started = made + epoch.readings["first_batch_seconds"]
        readings = {**epoch.readings, "start_up_seconds": started, "tree_bytes": float(held)}
        return replace(epoch, readings=readings)
