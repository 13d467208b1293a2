"""Decoders faster than Pillow's speed up loading: torchvision's decode_jpeg, DALI's, and nvJPEG on a GPU.

Why: libjpeg-turbo decodes in all of them; the faster ones do without Pillow's copies, and a GPU decodes
beside the CPU.

Source: today's folklore.
"""

from functools import partial

import pytest

from harness import Unavailable, claim, prepared
from harness.loading.data import decoders, recipe
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dali import PipelineLoader
from harness.loading.loaders.dali_shared import missing
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch
from support.decoding import PILLOW, DecodingAlone, contents_of, dali, decode_jpeg, same_levels
from support.device_decoding import DeviceDecodingLoader

NO_GPU = "decodes on a GPU: no CUDA here"


@claim("L9", expect="lower", loader=True, apart=True)
@pytest.mark.parametrize("work", ["decoding_alone", "in_a_loader"])
def bench_fast_decoders(compare, images, loop, work):
    on_gpu = compare.device.type == "cuda"
    reasons = {"decode_jpeg": decoders.missing(), "dali": missing(), "nvjpeg": None if on_gpu else NO_GPU}
    if work == "decoding_alone":
        contents = contents_of(epoch_images(images, 16))
        kinds = {"decode_jpeg": decode_jpeg, "dali": dali, "nvjpeg": partial(decode_jpeg, compare.device)}
        baseline = prepared(DecodingAlone, PILLOW, contents)
        variants = {
            name: partial(prepared, lambda make: DecodingAlone(make(), contents), kinds[name])
            for name in kinds
        }
        same, items = same_levels, len(contents)
    else:
        cores, batch_size, same = usable_cores(), photographs_in_batch(), same_samples
        items = batch_size * window_batches(cores)
        files = epoch_images(images, items)
        dataset = partial(Photographs, files, recipe.augmented_v2)
        options = {"batch_size": batch_size, "workers": cores, **loop}
        pipeline = {
            "batch_size": batch_size,
            "threads": cores,
            "device": compare.device,
            "step": loop["step"],
        }
        baseline = prepared(in_windows, PlainLoader, dataset, **options)
        variants = {
            "decode_jpeg": partial(
                prepared,
                in_windows,
                PlainLoader,
                partial(dataset, decode=decoders.with_torchvision),
                **options,
            ),
            "dali": partial(prepared, in_windows, PipelineLoader, files, **pipeline),
            "nvjpeg": partial(prepared, in_windows, DeviceDecodingLoader, files, **options),
        }
    chosen = {
        name: Unavailable(reason) if (reason := reasons[name]) else make() for name, make in variants.items()
    }
    compare(baseline=baseline, **chosen, same=same, items=items, decoded=items)
