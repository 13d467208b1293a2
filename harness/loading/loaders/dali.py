"""A pipeline of NVIDIA DALI that decodes on the CPU, behind DALI's iterator for PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from string import Template
from typing import TYPE_CHECKING, Any

from harness.loading.loaders.dali_shared import DaliLoader, missing, module, prepare
from harness.loading.loaders.kind import LoaderKind, LoaderRequest, LoaderWorkers, SnippetRequest

if TYPE_CHECKING:
    from torch import Tensor

    from harness.loading.loop.loader import Loader

_PIPELINE = Template("""\
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy
from torchvision.datasets import ImageFolder

files, classes = map(list, zip(*ImageFolder(folder, allow_empty=True).samples))


@pipeline_def(batch_size=$batch_size, num_threads=$workers, device_id=$device_id, prefetch_queue_depth=$ahead)
def pipeline():
    jpegs, labels = fn.readers.file(
        files=files, labels=classes, random_shuffle=True, pad_last_batch=True, name="reader"
    )
    images = fn.decoders.image(
        jpegs, device="$decoder", output_type=types.RGB, jpeg_fancy_upsampling=True, adjust_orientation=False
    )
    images = fn.random_resized_crop(images, size=(224, 224), antialias=True)
    images = fn.crop_mirror_normalize(
        images,
        dtype=types.FLOAT,
        output_layout="CHW",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        mirror=fn.random.coin_flip(),
    )
    return images$there, labels


loader = DALIGenericIterator(
    [pipeline()],
    ["images", "labels"],
    reader_name="reader",
    last_batch_policy=LastBatchPolicy.PARTIAL,
    auto_reset=True,
)""")


class PipelineLoader(DaliLoader):
    """A DALI pipeline behind its iterator for PyTorch: prefetches two batches, also across the end
    of an epoch.
    """

    def _build(self) -> Any:
        fn, torch_side = module("fn"), module("plugin.pytorch")

        @module().pipeline_def(  # type: ignore[untyped-decorator]
            batch_size=self.batch_size,
            num_threads=self.threads,
            device_id=self.device_id,
            prefetch_queue_depth=self.ahead,
        )
        def pipeline() -> Any:
            jpegs, ids = fn.readers.file(
                files=self._names(), labels=list(range(len(self.paths))), pad_last_batch=True, name="reader"
            )
            decoder = "mixed" if self.decoder == "gpu" else "cpu"
            images = prepare(fn, jpegs, decoder=decoder, fixed=self.fixed, flip=fn.random.coin_flip())
            return images if self.device_id is None else images.gpu(), ids

        partial = torch_side.LastBatchPolicy.PARTIAL
        return torch_side.DALIGenericIterator(
            [pipeline()], ["images", "ids"], reader_name="reader", last_batch_policy=partial
        )

    def _outputs(self) -> Iterator[tuple[Tensor, Tensor]]:
        for (outputs,) in self._live:
            yield outputs["images"], outputs["ids"]
        self._live.reset()


def make(request: LoaderRequest, decoder: str) -> Loader:
    """A pipeline that decodes on ``cpu`` or ``gpu``."""
    return PipelineLoader(
        request.images,
        batch_size=request.setting.batch_size,
        threads=max(1, request.setting.workers),
        ahead=max(1, request.setting.prefetch),
        decoder=decoder,
        fixed=request.fixed,
        device=request.device,
        step=request.step,
    )


def code(request: SnippetRequest, decoder: str) -> str:
    """The same pipeline; ``decoder`` is DALI's own word: ``cpu`` or ``mixed``."""
    there = ".gpu()" if request.on_gpu and decoder == "cpu" else ""
    return _PIPELINE.substitute(request.facts, decoder=decoder, there=there)


def _make(request: LoaderRequest) -> Loader:
    return make(request, "cpu")


def _snippet(request: SnippetRequest) -> str:
    return code(request, "cpu")


KIND = LoaderKind("dali", LoaderWorkers.THREADS, _make, _snippet, extra="dali", missing=missing, default=True)
