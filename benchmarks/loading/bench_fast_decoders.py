"""Decoders faster than Pillow's speed up loading: TorchCodec's decode_jpeg, DALI's, and nvJPEG on a GPU.

Why: libjpeg-turbo decodes in all of them; the faster ones do without Pillow's copies, and a GPU decodes
beside the CPU. Without TorchCodec, torchvision's decode_jpeg is measured, which is to be removed.

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
from support.decoding import PILLOW, contents_of, dali, decode_jpeg, decoding_alone, same_levels
from support.device_decoding import DeviceDecodingLoader


@claim("L9", expect="lower", loader=True, apart=True)
@pytest.mark.parametrize("work", ["decoding_alone", "in_a_loader"])
def bench_fast_decoders(compare, images, loop, work):
    reasons = {"baseline": None, "decode_jpeg": decoders.missing(), "dali": missing()}
    reasons["nvjpeg"] = None if compare.device.type == "cuda" else "decodes on a GPU: no CUDA here"
    if work == "decoding_alone":
        contents = contents_of(epoch_images(images, 16))
        same, items = same_levels, len(contents)
        alone = partial(prepared, decoding_alone, contents)
        ways = [alone(lambda: PILLOW), alone(decode_jpeg), alone(dali), alone(decode_jpeg, compare.device)]
    else:
        cores, batch_size, same = usable_cores(), photographs_in_batch(), same_samples
        items = batch_size * window_batches(cores)
        files = epoch_images(images, items)
        dataset = partial(Photographs, files, recipe.augmented_v2)
        loader = partial(prepared, in_windows, batch_size=batch_size)
        ways = [
            loader(PlainLoader, dataset, workers=cores, **loop),
            loader(PlainLoader, partial(dataset, decode=decoders.to_tensor), workers=cores, **loop),
            loader(PipelineLoader, files, threads=cores, device=compare.device, step=loop["step"]),
            loader(DeviceDecodingLoader, files, workers=cores, **loop),
        ]
    given = zip(reasons.items(), ways, strict=True)
    variants = {name: Unavailable(reason) if reason else way for (name, reason), way in given}
    compare(**variants, same=same, items=items, decoded=items)
