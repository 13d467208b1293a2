"""Images load faster as uint8 over the bus, normalised on the GPU, than as float32 from the workers.

Why: A byte a value instead of four crosses the bus, and the CPU is spared the arithmetic.

Source: today's folklore.
"""

from functools import partial

from harness import claim, prepared
from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs, decoded, epoch_images
from harness.loading.loaders.uint8 import CountedLoader, Uint8Loader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.checksum import STRIDE, Checksummed

MOST = 1e-5  # that a normalised pixel may be off


@claim("L10", expect="lower", loader=True, needs="cuda")
def bench_uint8_to_device(compare, images, loop):
    workers = min(4, usable_cores())
    samples = 32 * window_batches(workers)
    files = epoch_images(images, samples)
    bytes_only = partial(recipe.fixed_v2, floats=False)
    options = {"batch_size": 32, "workers": workers, **loop, "step": Checksummed(loop["step"])}

    def same(expected, got):
        same_samples(expected, got)
        # Sums of so many roundings: relative to the sum, which is near zero for normalised images, they mean
        # nothing.
        counted = samples * 3 * (recipe.SIZE // STRIDE) ** 2
        assert abs(got.total - expected.total) < MOST * counted, f"checksums {got.total} and {expected.total}"
        image = decoded(files[0].path)
        floats = recipe.fixed_v2()(image).to(compare.device)
        off = recipe.normaliser(compare.device)(bytes_only()(image)[None].to(compare.device))[0] - floats
        assert float(off.abs().max()) < MOST, f"pixels are off by {float(off.abs().max()):.2g}"
        return {"max_difference": float(off.abs().max())}

    compare(
        baseline=prepared(in_windows, CountedLoader, partial(Photographs, files, recipe.fixed_v2), **options),
        uint8=prepared(in_windows, Uint8Loader, partial(Photographs, files, bytes_only), **options),
        same=same,
        items=samples,
        decoded=samples,
    )
