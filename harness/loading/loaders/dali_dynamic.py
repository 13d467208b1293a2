"""DALI's dynamic mode: operators called one by one, on the device that the loop is on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from string import Template
from typing import TYPE_CHECKING, Any

from harness.loading.data.folder import Image
from harness.loading.loaders.dali_shared import DaliLoader, missing, module, prepare
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harness.loading.loop.epoch import Step
    from harness.loading.loop.loader import Loader

_DYNAMIC = Template("""\
from nvidia.dali import types
from nvidia.dali.experimental import dynamic as ndd
from torchvision.datasets import ImageFolder

files, classes = map(list, zip(*ImageFolder(folder, allow_empty=True).samples))
reader = ndd.readers.File(
    files=files, labels=classes, random_shuffle=True, pad_last_batch=True, max_batch_size=$batch_size
)
context = ndd.EvalContext(num_threads=$workers, device_id=$device_id)


def batches():
    left = len(files)  # the last batch comes filled up
    for jpegs, labels in reader.next_epoch(batch_size=$batch_size, ctx=context, capture=$capture):
        images = ndd.decoders.image(
            jpegs,
            device="$eager",
            output_type=types.RGB,
            jpeg_fancy_upsampling=True,
            adjust_orientation=False,
        )
        images = ndd.random_resized_crop(images, size=(224, 224), antialias=True)
        images = ndd.crop_mirror_normalize(
            images,
            dtype=ndd.float32,
            output_layout="CHW",
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            mirror=ndd.random.coin_flip(batch_size=labels.batch_size),
        )
        yield images.torch()[:left], labels.torch()[:left]
        left -= $batch_size""")


class DynamicLoader(DaliLoader):
    """DALI's dynamic mode: operators called one by one; ``capture`` makes a pipeline of them behind
    the scenes.
    """

    def __init__(
        self,
        images: Sequence[Image],
        *,
        batch_size: int,
        threads: int,
        capture: bool = False,
        decoder: str = "cpu",
        fixed: bool = False,
        device: torch.device | str = "cpu",
        step: Step | None = None,
    ) -> None:
        super().__init__(
            images,
            batch_size=batch_size,
            threads=threads,
            decoder=decoder,
            fixed=fixed,
            device=device,
            step=step,
        )
        self.capture = capture

    def _build(self) -> Any:
        ndd = module("experimental.dynamic")
        if self.device_id is None:
            _without_gpu(ndd.Device)
        reader = ndd.readers.File(
            files=self._names(),
            labels=list(range(len(self.paths))),
            pad_last_batch=True,
            max_batch_size=self.batch_size,
        )
        return reader, ndd.EvalContext(num_threads=self.threads, device_id=self.device_id)

    def _outputs(self) -> Iterator[tuple[Tensor, Tensor]]:
        ndd = module("experimental.dynamic")

        reader, context = self._live
        for jpegs, ids in reader.next_epoch(batch_size=self.batch_size, ctx=context, capture=self.capture):
            # Where operators run on this loader's threads; a loop that is captured is inside already.
            with nullcontext() if self.capture else context:
                flip = None if self.fixed else ndd.random.coin_flip(batch_size=self.batch_size)
                images = prepare(
                    ndd, jpegs, decoder=self.decoder, fixed=self.fixed, flip=flip, float_type=ndd.float32
                )
                outputs = images.torch(), ids.torch()
            yield outputs


def _without_gpu(device: type) -> None:
    """Let DALI's dynamic mode work in this process as it does where there is no GPU; ``device`` is
    its class of them.

    Its default device is the GPU wherever there is one, in each of its threads. What sets that back
    opens the GPU, and so does the stream that every context asks the default one for, also inside
    ``with Device("cpu")``.
    """
    if hasattr(device, "_default_device_type"):
        setattr(device, "_default_device_type", staticmethod(lambda: "cpu"))  # noqa: B010  (DALI's own class)


def make(request: LoaderRequest, *, capture: bool) -> Loader:
    """Dynamic mode with or without capture."""
    return DynamicLoader(
        request.images,
        capture=capture,
        batch_size=request.setting.batch_size,
        threads=max(1, request.setting.workers),
        decoder=request.decoder,
        fixed=request.fixed,
        device=request.device,
        step=request.step,
    )


def code(request: SnippetRequest, *, capture: bool) -> str:
    """The same."""
    return _DYNAMIC.substitute(request.facts, eager="gpu" if request.on_gpu else "cpu", capture=capture)


def _make(request: LoaderRequest) -> Loader:
    return make(request, capture=False)


def _snippet(request: SnippetRequest) -> str:
    return code(request, capture=False)


KIND = LoaderKind(
    "dali_dynamic", LoaderWorkers.THREADS, _make, _snippet, extra="dali", missing=missing, queued=False
)
