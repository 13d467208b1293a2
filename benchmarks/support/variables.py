"""Environment variables for worker processes that are started anew, and whether they took effect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """Processes that are started inside have these environment variables; for ``around``."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def has_loaded(library: str, _worker: int) -> None:
    """Raise RuntimeError unless this process has that library; with ``library`` bound it is a DataLoader's
    ``worker_init_fn``. The dynamic linker only prints that it has not found what it was to load first.
    """
    if library not in Path("/proc/self/maps").read_text():
        raise RuntimeError(f"{library} was to be loaded by LD_PRELOAD, and this process does not have it")
