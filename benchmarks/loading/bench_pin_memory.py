"""Pinned host memory speeds up the training loop, but for a tiny data set such as MNIST it slows it down.

Why: Only from pinned memory can a copy run beside the GPU's work. A loop that waits for decoding gains
nothing, and pinning costs a copy of each batch.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data import recipe
from harness.loading.data.dataset import Digits, Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_pixels
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores


@claim("L2", expect="lower", loader=True, needs="cuda")
@pytest.mark.parametrize("samples", ["jpeg", "tiny"])
def bench_pin_memory(compare, images, tiny, train_step, samples):
    workers = min(4, usable_cores())
    batch_size, sample_bytes = (8, 4 * 3 * recipe.SIZE**2) if samples == "jpeg" else (64, 4 * 28**2)
    count = batch_size * window_batches(workers)
    # Nothing random in the recipe: the pixels that reach the device must add up to the same number for all.
    photographs = partial(Photographs, epoch_images(images, count), recipe.fixed)
    dataset = photographs if samples == "jpeg" else partial(Digits, tiny, count)

    def step(pixels, labels):
        train_step(pixels, labels)
        return pixels.double().sum()

    options = {"batch_size": batch_size, "workers": workers, "device": compare.device, "step": step}
    loader = partial(prepared, in_windows, PlainLoader, dataset, **options)
    pinned = "lower" if samples == "jpeg" else "higher"
    compare(
        baseline=loader(),
        non_blocking=loader(non_blocking=True),
        pinned=loader(pin_memory=True),
        pinned_non_blocking=loader(pin_memory=True, non_blocking=True),
        same=same_pixels,
        items=count,
        decoded=count if samples == "jpeg" else 0,
        bytes=count * sample_bytes,
        expect={"non_blocking": "same", "pinned": pinned, "pinned_non_blocking": pinned},
    )
