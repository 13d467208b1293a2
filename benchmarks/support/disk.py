"""Epochs with a cold page cache, and what an epoch fetched from disks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from harness import Variant, prepared
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Epoch
from harness.loading.machine.page_cache import disk_bytes, evict
from harness.probes import ProcessTree


class EvictedFiles:
    """Files that the page cache is to have forgotten when an epoch begins."""

    def __init__(self, files: Sequence[str | Path]) -> None:
        self.files = list(dict.fromkeys(files))
        self._cold = False
        for file in self.files:
            # The kernel forgets only what is on the disk, and these may have been made a moment ago.
            with suppress(OSError):
                descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)

    @contextmanager
    def around(self) -> Iterator[None]:
        """What goes around a round, untimed."""
        self.forget()
        yield

    def forget(self) -> None:
        """Put the files out of the cache."""
        evict(self.files)
        self._cold = True

    def begin(self) -> None:
        """An epoch begins: a second one in the same round pays for its own forgetting rather than
        find a warm cache.
        """
        if not self._cold:
            self.forget()
        self._cold = False

    def works(self) -> bool:
        """Whether the files' own disk is read once they are forgotten: not where they are kept in
        memory (tmpfs).
        """
        first = Path(self.files[0])
        evict([first])
        before = disk_bytes([os.getpid()])
        first.read_bytes()
        return disk_bytes([os.getpid()]) > before


class DiskLoader(PlainLoader):
    """A DataLoader whose epochs report how many bytes this process and its workers fetched from
    disks (``disk_bytes``).

    ``forgotten`` are files that each epoch finds out of the page cache.
    """

    def __init__(self, *arguments: Any, forgotten: EvictedFiles | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.forgotten = forgotten
        self._tree = ProcessTree()

    def __call__(self) -> Epoch:
        """Run one epoch."""
        if self.forgotten:
            self.forgotten.begin()
        return super().__call__()

    def counters(self) -> Mapping[str, float]:
        """Bytes that were fetched so far, and what the plain loader counts."""
        fetched = disk_bytes(member.pid for member in self._tree.members())
        return {**super().counters(), "disk_bytes": float(fetched)}


def from_disk(
    dataset: Callable[[], Any], read: Sequence[str | Path], *, cold: bool, **options: Any
) -> Variant:
    """A variant that loads ``dataset``; where ``cold``, each epoch finds the files it reads out of the page
    cache.
    """
    forgotten = EvictedFiles(read) if cold else None
    around = forgotten.around if forgotten else nullcontext
    return prepared(DiskLoader, dataset, around=around, forgotten=forgotten, **options)
