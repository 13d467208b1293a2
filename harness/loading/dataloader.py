"""torch's DataLoader, plain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from harness.loading.epoch import Batch, Step
from harness.loading.loader import Loader, moved, take_some


class PlainLoader(Loader):
    """A DataLoader whose workers persist: an epoch starts and ends with idle workers and empty queues.

    ``dataset`` makes the dataset, in the process that loads. ``prefetch_factor`` is in batches a worker.
    """

    def __init__(
        self,
        dataset: Callable[[], Dataset[Any]],
        *,
        batch_size: int,
        workers: int = 0,
        prefetch_factor: int | None = None,
        pin_memory: bool = False,
        non_blocking: bool = False,
        device: torch.device | str = "cpu",
        step: Step | None = None,
    ) -> None:
        super().__init__(device=device, step=step)
        self.dataset = dataset()
        self.workers = workers
        self.non_blocking = non_blocking
        self.options: dict[str, Any] = {
            "batch_size": batch_size,
            "num_workers": workers,
            "prefetch_factor": prefetch_factor if workers else None,
            "pin_memory": pin_memory,
        }
        self._live: DataLoader[Any] | None = None
        self._strangers: set[threading.Thread] = set()

    def host_batches(self) -> Iterable[Batch]:
        """The live DataLoader: batches as workers deliver them, in host memory."""
        if self._live is None:
            self._strangers = _feeders()
            self._live = DataLoader(self.dataset, persistent_workers=self.workers > 0, **self.options)
        return self._live

    def users_batches(self) -> Iterable[Batch]:
        """A new DataLoader as most users make it, its workers gone when its iterator is."""
        return DataLoader(self.dataset, **self.options)

    def batches(self) -> Iterable[Batch]:
        """One epoch's batches on the device."""
        return moved(self.host_batches(), self.device, non_blocking=self.non_blocking)

    def leave_early(self) -> None:
        """Break out of a user's loop, not of the persistent one, whose idle workers are no leak."""
        strangers = _feeders()
        take_some(moved(self.users_batches(), self.device, non_blocking=self.non_blocking))
        _let_end(strangers)

    def close(self) -> None:
        """Shut the workers down and wait for them."""
        live, self._live = self._live, None
        # Dropping the iterator shuts its workers down too, but only once nothing else (a traceback, say) refers to it.
        shutdown = getattr(getattr(live, "_iterator", None), "_shutdown_workers", None)
        if shutdown is not None:
            shutdown()
            _let_end(self._strangers)


def _feeders() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "QueueFeederThread"}


def _let_end(strangers: set[threading.Thread], patience: float = 1.0) -> None:
    # A closed queue's feeder thread ends by itself, a moment later; whoever counts threads now must not find it.
    end = time.monotonic() + patience
    for thread in _feeders() - strangers:
        thread.join(max(0.0, end - time.monotonic()))
