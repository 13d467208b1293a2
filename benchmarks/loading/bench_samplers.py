"""shuffle=True and WeightedRandomSampler cost nothing next to reading in order.

The tiny samples are those of a real data set; of the million there is nothing to load, so that the sampler is
all.

Why: A permutation of the indices costs next to nothing beside decoding. With a million samples, drawing them
takes time before the first batch.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data.dataset import Digits
from harness.loading.loaders.dataloader import PlainLoader
from support.sampling import Labels, ShuffledLoader, WeightedLoader, same_or_drawn
from support.whole_batches import as_it_is

TINY = 64 * 80
MILLION = 1_000_000
WEIGHTS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]


@claim("L13", expect="same", loader=True)
@pytest.mark.parametrize("samples", ["tiny", "million"])
def bench_samplers(compare, tiny, samples):
    # No workers: samplers run in the process that trains, and their time is the question.
    batch_size = 64 if samples == "tiny" else 1024
    count = TINY if samples == "tiny" else MILLION
    dataset = partial(Digits, tiny, count) if samples == "tiny" else partial(Labels, count)
    options = {"batch_size": batch_size, "collate_fn": None if samples == "tiny" else as_it_is}
    compare(
        baseline=prepared(PlainLoader, dataset, **options),
        shuffled=prepared(ShuffledLoader, dataset, **options),
        weighted=prepared(WeightedLoader, dataset, weights=WEIGHTS, **options),
        same=same_or_drawn,
        items=count,
    )
