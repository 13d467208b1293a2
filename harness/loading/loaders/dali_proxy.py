"""DALI's proxy: a DataLoader whose workers only name files, and a DALI pipeline in this process
that prepares them.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from string import Template
from typing import TYPE_CHECKING, Any

from harness.loading.data.folder import Image
from harness.loading.loaders.dali_shared import missing, module, prepare
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest
from harness.loading.loop.epoch import Batch, Step
from harness.measure.device import indexed

if TYPE_CHECKING:
    import torch

    from harness.loading.loop.loader import Loader

_PROXY = Template("""\
import os

import numpy as np
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch.experimental import proxy
from torchvision.datasets import ImageFolder


@pipeline_def(batch_size=$batch_size, num_threads=$workers, device_id=$device_id, prefetch_queue_depth=2)
def pipeline():
    jpegs = fn.io.file.read(fn.external_source(name="images", no_copy=True))
    images = fn.decoders.image(
        jpegs, device="$decoder", output_type=types.RGB, jpeg_fancy_upsampling=True, adjust_orientation=False
    )
    images = fn.random_resized_crop(images, size=(224, 224), antialias=True)
    return fn.crop_mirror_normalize(
        images,
        dtype=types.FLOAT,
        output_layout="CHW",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        mirror=fn.random.coin_flip(),
    )


def name(path):
    return np.frombuffer(os.fsencode(path), dtype=np.int8)


with proxy.DALIServer(pipeline()) as server:
    dataset = ImageFolder(folder, server.proxy, loader=name, allow_empty=True)
    loader = proxy.DataLoader(server, dataset, batch_size=$batch_size, shuffle=True, num_workers=1)
    for batch in loader:
        ...""")

LOOK_UP = 0.25
"""Seconds after which the server's thread looks whether it is to end; DALI's own are five."""


class _Named:
    """Files by name: the sample's image is a promise that the proxy makes of the file's name."""

    def __init__(self, images: Sequence[Image], proxy: Callable[[object], object]) -> None:
        self.images = images
        self.proxy = proxy

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> tuple[object, int, int]:
        import numpy as np

        path, label = self.images[place]
        return self.proxy(np.frombuffer(os.fsencode(path), dtype=np.int8)), label, place


class ProxyLoader(PlainLoader):
    """A DataLoader before DALI's proxy server; ``workers`` must be at least 1, for requests come
    from processes.

    ``threads`` and ``decoder`` are as for DALI's other loaders. Raises DataError naming a file that
    cannot be decoded.
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
        import torch

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
                fn,
                jpegs,
                decoder="mixed" if decoder == "gpu" else "cpu",
                fixed=fixed,
                flip=fn.random.coin_flip(),
            )
            return made if on_cpu else made.gpu()

        self._server: Any = prompt(proxy.DALIServer)(pipeline())
        dataset: Callable[[], Any] = partial(_Named, images, self._server.proxy)
        super().__init__(dataset, batch_size=batch_size, workers=workers, device=where, step=step)

    @property
    def depth(self) -> int:
        """The batches that workers have promised, and as many that the server's pipeline holds."""
        return 2 * super().depth

    def host_batches(self) -> Iterable[Batch]:
        """The live DataLoader's batches, promises kept."""
        return self._kept(super().host_batches())

    def users_batches(self) -> Iterable[Batch]:
        """A user's DataLoader before the same server."""
        return self._kept(super().users_batches())

    def _kept(self, promised: Iterable[Batch]) -> Iterator[Batch]:
        # Workers are forked before the server's thread starts: a thread holding a lock does not
        # survive a fork. Nor do DALI's own threads: a worker that collected an earlier pipeline it
        # inherited as garbage would crash.
        gc.collect()
        # Python 3.12 counts what is immortal as frozen: few objects. A process that has set its
        # imports aside has more there than elsewhere, and would look through all of them again at
        # every collection.
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
            from harness.loading.data.dataset import broken_file

            if (broken := broken_file(self.paths)) is not None:
                raise broken from error
            raise

    def close(self) -> None:
        """Shut the workers down, then the server."""
        super().close()
        if self._server is not None:
            self._server.stop_thread()
            self._server = None
            gc.collect()


def prompt(server: type) -> type:
    """That class of servers, with a thread that does not wait for five seconds before it sees that
    it is to end.
    """

    class Prompt(server):  # type: ignore[misc]
        def _get_input_batches(self, most: int, timeout: float | None = None) -> Any:
            return super()._get_input_batches(most, None if timeout is None else min(timeout, LOOK_UP))

    return Prompt


def _make(request: LoaderRequest) -> Loader:
    return ProxyLoader(
        request.images,
        batch_size=request.setting.batch_size,
        threads=max(1, request.setting.workers),
        decoder=request.decoder,
        fixed=request.fixed,
        device=request.device,
        step=request.step,
    )


def _snippet(request: SnippetRequest) -> str:
    return _PROXY.substitute(request.facts, decoder="mixed" if request.on_gpu else "cpu")


KIND = LoaderKind(
    "dali_proxy", LoaderWorkers.THREADS, _make, _snippet, extra="dali", missing=missing, queued=False
)
