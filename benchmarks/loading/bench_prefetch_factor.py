"""A larger prefetch_factor speeds up loading."""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.loader import epoch_batches
from support.length import same_beginnings

WORKERS = 2


@claim("L3", expect="lower", loader=True)
@pytest.mark.parametrize("cost", ["even", "uneven"])
def bench_prefetch_factor(compare, images, uneven, loop, cost):
    # Batches of one: a batch of many evens its samples' costs out, and with them what prefetching is for.
    samples = {factor: epoch_batches(factor * WORKERS) for factor in (1, 2, 4, 8)}
    stated = min(samples.values())
    files = epoch_images(images if cost == "even" else uneven, stated)

    def loader(factor):
        own = samples[factor]
        dataset = partial(Photographs, [files[place % stated] for place in range(own)])
        options = {**loop, "batch_size": 1, "workers": WORKERS, "prefetch_factor": factor}
        return prepared(PlainLoader, dataset, part=own / stated, **options)

    compare(
        baseline=loader(2),
        factor_1=loader(1),
        factor_4=loader(4),
        factor_8=loader(8),
        same=partial(same_beginnings, lengths=set(samples.values())),
        items=stated,
        decoded=stated,
        expect={"factor_1": "higher"},
    )
