"""prefetch_generator's BackgroundGenerator around a DataLoader: a thread that fetches batches ahead."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
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
from prefetch_generator import BackgroundGenerator

batches = BackgroundGenerator(iter(loader))  # one epoch; drain it, or its thread stays"""


def missing(_device: torch.device | None = None) -> str | None:
    """Why there is no BackgroundGenerator here; None where there is."""
    if importlib.util.find_spec("prefetch_generator") is None:
        return "prefetch_generator is not installed (pip install prefetch_generator)"
    return None


class BackgroundLoader(PlainLoader):
    """A DataLoader behind a BackgroundGenerator; each epoch is drained, so its thread ends with it.

    ``ahead`` is how many batches the thread keeps ready; the package's own default is 1.
    """

    def __init__(
        self, dataset: Callable[[], Dataset[object]], *, ahead: int = 1, **options: Unpack[PlainOptions]
    ) -> None:
        super().__init__(dataset, **options)
        self.ahead = ahead
        self._feeding: Generator[Batch, None, None] | None = None
        self._left = False

    @property
    def depth(self) -> int:
        """The workers' batches, those of the thread's queue, and the one in its hands."""
        return super().depth + self.ahead + 1

    def batches(self) -> Iterable[Batch]:
        """One epoch's batches on the device, fetched ahead by a thread that is joined at the end."""
        self._feeding = self._drained()
        return self.moved(self._feeding, non_blocking=self.non_blocking)

    def _drained(self) -> Generator[Batch, None, None]:
        from prefetch_generator import BackgroundGenerator

        self._left = False
        thread = BackgroundGenerator(self._until_left(), max_prefetch=self.ahead)
        try:
            yield from thread
        finally:
            # Left half-way (by an error in the step), the thread would wait for room in its queue for ever.
            self._left = True
            while thread.is_alive():
                with suppress(Exception):
                    for _ in thread:
                        pass
                thread.join(1.0)

    def _until_left(self) -> Iterator[Batch]:
        # What is left of an epoch may be long: it is not loaded only to be drained.
        for batch in self.host_batches():
            if self._left:
                return
            yield batch

    def close(self) -> None:
        """Drain what a failed epoch left, join its thread, shut the workers down."""
        if self._feeding is not None:
            self._feeding.close()
            self._feeding = None
        super().close()

    def leave_early(self) -> None:
        """Break as users of the tip do: nothing drains the thread, and nothing frees what it references."""
        from prefetch_generator import BackgroundGenerator

        ahead = BackgroundGenerator(iter(self.users_batches()), max_prefetch=self.ahead)
        take_some(self.moved(ahead, non_blocking=self.non_blocking))


def _make(request: LoaderRequest) -> Loader:
    return BackgroundLoader(partial(dataset, request.images, request.fixed), **request.for_processes)


def _snippet(request: SnippetRequest) -> str:
    return snippets.dataloader(request, snippets.PILLOW) + _AFTER


KIND = LoaderKind("background", LoaderWorkers.PROCESSES, _make, _snippet, missing=missing, dataset=dataset)
