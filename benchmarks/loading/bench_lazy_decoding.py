"""Decoding in __getitem__, not in __init__, starts sooner and spares memory.

What was decoded beforehand is not decoded in every epoch: that is faster once it runs.

Why: What __init__ decodes is paid before the first batch, and kept by every worker. Later epochs are faster
for it, as long as memory suffices.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_pixels
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch
from support.checksum import Checksummed
from support.preload import Preloaded, StartUp, bounded_epoch


@claim("L7", expect="lower", loader=True)
@pytest.mark.parametrize("phase", ["start_up", "steady"])
def bench_lazy_decoding(compare, images, loop, phase):
    workers = min(4, usable_cores())
    batch_size = photographs_in_batch()
    samples = batch_size * window_batches(workers)
    files = bounded_epoch(images, samples)
    options = {"batch_size": batch_size, "workers": workers, **loop, "step": Checksummed(loop["step"])}

    def loader(dataset):
        made = partial(PlainLoader, partial(dataset, files, recipe.fixed), **options)
        return prepared(StartUp, made) if phase == "start_up" else prepared(in_windows, made)

    compare(
        baseline=loader(Preloaded),
        lazy=loader(Photographs),
        same=same_pixels,
        items=batch_size if phase == "start_up" else samples,
        expect={"lazy": "lower" if phase == "start_up" else "higher"},
    )
