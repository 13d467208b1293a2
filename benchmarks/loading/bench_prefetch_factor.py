"""A larger prefetch_factor speeds up loading.

Why: Batches that are kept ready bridge samples that take longer than others. The mean rate is that of the
workers, whatever is kept ready, and each batch takes memory.

Source: today's folklore; DataLoader's documentation.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows

WORKERS = 2
SAMPLES = 64
"""Images of an epoch: of the uneven ones, four large ones are among them."""


@claim("L3", expect="lower", loader=True)
@pytest.mark.parametrize("cost", ["even", "uneven"])
def bench_prefetch_factor(compare, images, uneven, loop, cost):
    # Batches of one: a batch of many evens its samples' costs out, and with them what prefetching is for.
    dataset = partial(Photographs, epoch_images(images if cost == "even" else uneven, SAMPLES))
    loader = partial(prepared, in_windows, PlainLoader, dataset, batch_size=1, workers=WORKERS, **loop)
    compare(
        baseline=loader(prefetch_factor=2),
        factor_1=loader(prefetch_factor=1),
        factor_4=loader(prefetch_factor=4),
        factor_8=loader(prefetch_factor=8),
        same=same_samples,
        items=SAMPLES,
        decoded=SAMPLES,
        expect={"factor_1": "higher"},
    )
