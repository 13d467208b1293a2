"""Transforms v2 on tensors prepare images faster than transforms v1 on Pillow's images.

Why: Tensors of uint8 are resized by kernels of their own. Pillow's resizing is fast, too: which one wins goes
by size and antialiasing.

Source: today's folklore; torchvision's documentation.
"""

from functools import partial

import pytest

from harness import Unavailable, claim, prepared
from harness.loading.data import decoders, recipe
from harness.loading.data.dataset import Photographs, decoded, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch
from support.transformed import alike, alone


@claim("L11", expect="lower", loader=True)
@pytest.mark.parametrize("work", ["fixed_alone", "augmented_alone", "augmented_in_a_loader"])
def bench_transforms_v2(compare, images, loop, work):
    fixed = (recipe.fixed, recipe.fixed_v2)
    v1, v2 = fixed if work.startswith("fixed") else (recipe.augmented, recipe.augmented_v2)
    if work.endswith("alone"):
        pictures = [decoded(image.path) for image in epoch_images(images, 16)]
        tensors = [decoders.levels_of(picture) for picture in pictures]
        on_pillow, on_tensors = prepared(alone, v2, pictures), prepared(alone, v2, tensors)
        compare(
            baseline=prepared(alone, v1, pictures), v2=on_pillow, v2_tensors=on_tensors, same=alike, items=16
        )
        return
    cores = usable_cores()
    batch_size = photographs_in_batch()
    samples = batch_size * window_batches(cores)
    dataset = partial(Photographs, epoch_images(images, samples))
    loader = partial(prepared, in_windows, PlainLoader, batch_size=batch_size, workers=cores, **loop)
    reason = decoders.missing()
    fast = partial(dataset, v2, decode=decoders.to_tensor)
    compare(
        baseline=loader(partial(dataset, v1)),
        v2=loader(partial(dataset, v2)),
        v2_tensors=Unavailable(reason) if reason else loader(fast),
        same=same_samples,
        items=samples,
        decoded=samples,
    )
