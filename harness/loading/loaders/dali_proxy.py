"""DALI's proxy: a DataLoader whose workers only name files, and a DALI pipeline in this process that prepares them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.data import Dataset

from harness.loading.data.dataset import broken_file
from harness.loading.data.folder import DataError, Image
from harness.loading.loaders.dali import module, prepare
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Batch, Step
from harness.measure.device import indexed

LOOK_UP = 0.25
"""Seconds after which the server's thread looks whether it is to end; DALI's own are five."""


class _Named(Dataset[Any]):
    """Files by name: the sample's image is a promise that the proxy makes of the file's name."""

    def __init__(self, images: Sequence[Image], proxy: Any) -> None:
        self.images = images
        self.proxy = proxy

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> tuple[Any, int, int]:
        import numpy as np

        path, label = self.images[place]
        return self.proxy(np.frombuffer(path.encode(), dtype=np.int8)), label, place


class ProxyLoader(PlainLoader):
    """A DataLoader before DALI's proxy server; ``workers`` must be at least 1, for requests come from processes.

    ``threads`` and ``decoder`` are as for DALI's other loaders. Raises DataError naming a file that cannot be decoded.
    """

    def __init__(
        self,
        images: Sequence[Image],
        *,
        batch_size: int,
        threads: int,
        workers: int = 1,
        decoder: str = "cpu",
        fixed: bool = False,
        device: torch.device | str = "cpu",
        step: Step | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError("DALI's proxy needs at least one worker process")
        fn, proxy = module("fn"), module("plugin.pytorch.experimental.proxy")
        self.paths = [image.path for image in images]
        where = indexed(torch.device(device))
        on_cpu = where.type == "cpu"

        @module().pipeline_def(  # type: ignore[untyped-decorator]
            batch_size=batch_size,
            num_threads=threads,
            device_id=None if on_cpu else where.index,
            prefetch_queue_depth=2 * workers,
        )
        def pipeline() -> Any:
            jpegs = fn.io.file.read(fn.external_source(name="images", no_copy=True))
            made = prepare(
                fn, jpegs, decoder="mixed" if decoder == "gpu" else "cpu", fixed=fixed, flip=fn.random.coin_flip()
            )
            return made if on_cpu else made.gpu()

        self._server: Any = prompt(proxy.DALIServer)(pipeline())
        dataset = partial(_Named, images, self._server.proxy)
        super().__init__(dataset, batch_size=batch_size, workers=workers, device=where, step=step)

    def host_batches(self) -> Iterable[Batch]:
        """The live DataLoader's batches, promises kept."""
        return self._kept(super().host_batches())

    def users_batches(self) -> Iterable[Batch]:
        """A user's DataLoader before the same server."""
        return self._kept(super().users_batches())

    def _kept(self, promised: Iterable[Batch]) -> Iterator[Batch]:
        # Workers are forked before the server's thread starts: a thread holding a lock does not survive a fork. Nor do
        # DALI's own threads: a worker that collected an earlier pipeline it inherited as garbage would crash.
        gc.collect()
        # Python 3.12 counts what is immortal as frozen: few objects. A process that has set its imports aside has more
        # there than elsewhere, and would look through all of them again at every collection.
        set_aside = gc.get_freeze_count() > len(gc.get_objects())
        gc.freeze()
        try:
            iterator = iter(promised)
        finally:
            if not set_aside:
                gc.unfreeze()
        self._server.start_thread()
        try:
            for batch in iterator:
                images, labels, ids = self._server.produce_data(batch)
                yield images, labels, ids
        except RuntimeError as error:
            if (reason := broken_file(self.paths)) is not None:
                raise DataError(reason) from error
            raise

    def close(self) -> None:
        """Shut the workers down, then the server."""
        super().close()
        if self._server is not None:
            self._server.stop_thread()
            self._server = None
            gc.collect()


def prompt(server: Any) -> Any:
    """That class of servers, with a thread that does not wait for five seconds before it sees that it is to end."""

    class Prompt(server):  # type: ignore[misc]
        def _get_input_batches(self, most: int, timeout: float | None = None) -> Any:
            return super()._get_input_batches(most, None if timeout is None else min(timeout, LOOK_UP))

    return Prompt
