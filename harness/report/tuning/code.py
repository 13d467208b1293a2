"""The loader that won, as code that can be pasted and runs."""

from __future__ import annotations

from string import Template

from harness.model import Setting
from harness.report.tuning import datasets

_DATASETS = {
    "tensors": datasets.TENSORS,
    "uint8": datasets.UINT8,
    "packed": datasets.PACKED,
    "shards": datasets.SHARDS,
}
"""Datasets of the kinds whose loader takes one; the others have the usual one, decoded by Pillow."""

_AFTER = {
    "background": """
from prefetch_generator import BackgroundGenerator

batches = BackgroundGenerator(iter(loader))  # one epoch; drain it, or its thread stays""",
    "side_stream": """

def copied_ahead(batches, device):
    side, waiting = torch.cuda.Stream(device), None
    for images, labels in batches:
        with torch.cuda.stream(side):
            copied = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            ready = side.record_event()
        if waiting is not None:
            yield arrived(*waiting)
        waiting = copied, ready
    if waiting is not None:
        yield arrived(*waiting)


def arrived(batch, ready):
    current = torch.cuda.current_stream()
    current.wait_event(ready)
    for tensor in batch:
        tensor.record_stream(current)  # its memory belongs to the other stream
    return batch


batches = copied_ahead(loader, torch.device("cuda"))  # one epoch""",
}

_SPDL = Template("""
from spdl.pipeline import PipelineBuilder
from torch.utils.data import default_collate

pipeline = (
    PipelineBuilder()
    .add_source(range(len(dataset)))
    .pipe(dataset.__getitem__, concurrency=$workers, output_order="input")
    .aggregate($batch_size)
    .pipe(default_collate)
    .add_sink($ahead)
    .build(num_threads=$workers)
)
with pipeline.auto_stop():
    for batch in pipeline.get_iterator():
        ...""")

_NODES = Template("""
from torch.utils.data import RandomSampler, default_collate
from torchdata import nodes

places = nodes.SamplerWrapper(RandomSampler(dataset))
samples = nodes.ParallelMapper(places, dataset.__getitem__, num_workers=$workers, method="thread")
batches = nodes.Mapper(nodes.Batcher(samples, $batch_size, drop_last=False), default_collate)
loader = nodes.Loader(nodes.Prefetcher(batches, $ahead))""")

_DALI = Template("""\
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy
from torchvision.datasets import ImageFolder

files, classes = map(list, zip(*ImageFolder(folder, allow_empty=True).samples))


@pipeline_def(batch_size=$batch_size, num_threads=$workers, device_id=$device_id, prefetch_queue_depth=$ahead)
def pipeline():
    jpegs, labels = fn.readers.file(
        files=files, labels=classes, random_shuffle=True, pad_last_batch=True, name="reader"
    )
    images = fn.decoders.image(jpegs, device="$decoder", output_type=types.RGB, adjust_orientation=False)
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
        images = ndd.decoders.image(jpegs, device="$eager", output_type=types.RGB, adjust_orientation=False)
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

_PROXY = Template("""\
import numpy as np
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch.experimental import proxy
from torchvision.datasets import ImageFolder


@pipeline_def(batch_size=$batch_size, num_threads=$workers, device_id=$device_id, prefetch_queue_depth=2)
def pipeline():
    jpegs = fn.io.file.read(fn.external_source(name="images", no_copy=True))
    images = fn.decoders.image(jpegs, device="$decoder", output_type=types.RGB, adjust_orientation=False)
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
    return np.frombuffer(path.encode(), dtype=np.int8)


with proxy.DALIServer(pipeline()) as server:
    dataset = ImageFolder(folder, server.proxy, loader=name, allow_empty=True)
    loader = proxy.DataLoader(server, dataset, batch_size=$batch_size, shuffle=True, num_workers=1)
    for batch in loader:
        ...""")


def snippet(setting: Setting, *, folder: str = "", persistent: bool = False, device: str = "cpu") -> str:
    """Python that makes this loader of the images in ``folder``, or in one that is to be filled in; it runs as it is.

    ``persistent`` says that worker processes are to live on between epochs.
    """
    on_gpu = device == "cuda" or setting.kind == "dali_gpu"
    decodes_there = on_gpu and setting.kind != "dali"
    facts = {
        "batch_size": str(setting.batch_size),
        "workers": str(max(1, setting.workers)),
        "ahead": str(max(1, setting.prefetch)),
        "device_id": "0" if on_gpu else "None",
        "decoder": "mixed" if decodes_there else "cpu",
        "eager": "gpu" if decodes_there else "cpu",
        "there": ".gpu()" if on_gpu and not decodes_there else "",
        "capture": str(setting.kind == "dali_capture"),
    }
    where = f"folder = {folder or 'path/to/images'!r}  # one sub-folder a class\n\n"
    match setting.kind:
        case "dali" | "dali_gpu":
            return where + _DALI.substitute(facts)
        case "dali_dynamic" | "dali_capture":
            return where + _DYNAMIC.substitute(facts)
        case "dali_proxy":
            return where + _PROXY.substitute(facts)
        case "spdl":
            return where + datasets.TENSORS + _SPDL.substitute(facts)
        case "nodes":
            return where + datasets.TENSORS + _NODES.substitute(facts)
        case kind:
            dataset = _DATASETS.get(kind, datasets.PILLOW)
            return where + dataset + _dataloader(setting, persistent) + _AFTER.get(kind, "")


def _dataloader(setting: Setting, persistent: bool) -> str:
    options = [f"batch_size={setting.batch_size}"]
    if setting.kind != "shards":  # they are read in the order they were written in
        options.append("shuffle=True")
    if setting.workers:
        options += [f"num_workers={setting.workers}", f"prefetch_factor={setting.prefetch}"]
        if persistent:
            options.append("persistent_workers=True")
    if setting.pin:
        options.append("pin_memory=True")
    loader = "\nfrom torch.utils.data import DataLoader\n\nloader = DataLoader("
    return "\n".join([loader, "    dataset,", *(f"    {option}," for option in options), ")"])
