"""A larger batch trains on the same samples sooner, until the device is saturated.

Why: A step has a fixed price, for launches and for Python, which a larger batch shares. Once the device is
busy there is nothing left to share.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

from harness import claim
from harness.loading.data import recipe
from harness.loading.data.dataset import Digits, Photographs, epoch_images
from support.frozen_training import FrozenTraining

SAMPLES = 1024
DIFFERENT = 64
# On a GPU each size may have its own algorithms, and they work in TF32.
TOLERANCE = {"cpu": 1e-4, "cuda": 1e-2}


@claim("L16", expect="lower", time_limit=180.0)
def bench_batch_size(compare, device, images, tiny):
    on_gpu = device.type == "cuda"
    dataset = Photographs(epoch_images(images, DIFFERENT), recipe.fixed) if on_gpu else Digits(tiny, SAMPLES)
    train = FrozenTraining(dataset, SAMPLES, device)

    def same(expected, got):
        assert got.shape == expected.shape, f"the shape is {tuple(got.shape)}"
        off = (got - expected).abs().max() / expected.abs().max()
        assert off <= TOLERANCE[device.type], f"the largest error is {off:.2g} of the largest output"

    compare(
        baseline=partial(train, 16),
        batch_64=partial(train, 64),
        batch_256=partial(train, 256),
        batch_1024=partial(train, 1024),
        same=same,
        items=SAMPLES,
    )
