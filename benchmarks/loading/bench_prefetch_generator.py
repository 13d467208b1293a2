"""A BackgroundGenerator around a DataLoader removes the waiting for batches.

Why: A thread prepares the next batch while the loop computes. Workers do so already, and over none the thread
shares Python's lock with the loop.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest

from harness import Unavailable, claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.background import BackgroundLoader, missing
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.side_stream import SideStreamLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from support.batches import photographs_in_batch


@claim("L4", expect="lower", loader=True)
@pytest.mark.parametrize("workers", [0, 2], ids=["over_no_workers", "over_two_workers"])
def bench_prefetch_generator(compare, images, loop, workers):
    batch_size = photographs_in_batch()
    samples = batch_size * window_batches(workers)
    dataset = partial(Photographs, epoch_images(images, samples))
    options = {"batch_size": batch_size, "workers": workers, **loop}
    reason = missing()
    no_gpu = Unavailable("copies to a GPU: no CUDA here")
    compare(
        baseline=prepared(in_windows, PlainLoader, dataset, **options),
        background=Unavailable(reason)
        if reason
        else prepared(in_windows, BackgroundLoader, dataset, **options),
        side_stream=prepared(in_windows, SideStreamLoader, dataset, **options)
        if compare.device.type == "cuda"
        else no_gpu,
        same=same_samples,
        items=samples,
        decoded=samples,
    )
