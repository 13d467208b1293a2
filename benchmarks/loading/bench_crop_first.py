"""Cropping before ToTensor and Normalize, not after them, speeds up loading: fewer pixels are touched.

Why: Each step touches every pixel that is left; cropping first leaves few.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_pixels
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch
from support.checksum import Checksummed
from support.crop import crop_first, crop_last


@claim("L6", expect="lower", loader=True)
@pytest.mark.parametrize("cut_from", ["resized", "whole"])
def bench_crop_first(compare, images, loop, cut_from):
    workers = min(4, usable_cores())
    batch_size = photographs_in_batch()
    samples = batch_size * window_batches(workers)
    files = epoch_images(images, samples)
    options = {"batch_size": batch_size, "workers": workers, **loop, "step": Checksummed(loop["step"])}

    def loader(recipe):
        return prepared(
            in_windows,
            PlainLoader,
            partial(Photographs, files, partial(recipe, cut_from == "resized")),
            **options,
        )

    compare(
        baseline=loader(crop_last),
        crop_first=loader(crop_first),
        same=same_pixels,
        items=samples,
        decoded=samples,
    )
