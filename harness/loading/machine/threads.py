"""How many threads torch computes on: one beside busy workers, and the number for a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread until the end: idle OpenMP threads spin, on cores that are the workers'."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def use_threads(count: int, _worker: int) -> None:
    """Compute on that many threads from now on; with ``count`` bound it is a DataLoader's
    ``worker_init_fn``.
    """
    torch.set_num_threads(count)
