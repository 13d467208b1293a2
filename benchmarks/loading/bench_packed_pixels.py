"""Images that are decoded once and kept as pixels load faster than a folder of JPEGs, as long as they stay in
memory.

From a disk, pixels are several times the bytes. Tar shards of the JPEGs themselves are read from front to
back.

Why: Nothing is left to decode. Pixels take about ten times a JPEG's bytes, so that they lose where they come
from a disk.

Source: today's folklore.
"""

from functools import partial

import pytest

from harness import Unavailable, claim
from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.data.packed import packed
from harness.loading.data.shards import ShardedPhotographs, missing, sharded
from harness.loading.loop.epoch import same_pixels
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch
from support.checksum import Checksummed
from support.disk import EvictedFiles, from_disk


@claim("L12", expect="lower", loader=True)
@pytest.mark.parametrize("cache", ["warm", "cold"])
def bench_packed_pixels(compare, images, loop, cache):
    workers, cold = usable_cores(), cache == "cold"
    # Whole epochs: a shard is read from front to back.
    batches = 3 * window_batches(workers)
    # Each image once in an epoch: one that comes round again would not be cold any more.
    files = list(dict.fromkeys(epoch_images(images, photographs_in_batch() * batches)))
    pixels = packed(files)
    if cold and not EvictedFiles([pixels.file]).works():
        pytest.skip(f"{pixels.file} is kept in memory, not on a disk that can be read: set TIPBENCH_CACHE")
    options = {**loop, "workers": workers, "step": Checksummed(loop["step"])}
    variant = partial(from_disk, cold=cold, batch_size=max(1, len(files) // batches), **options)

    def shards(**how):
        if reason := missing():
            return Unavailable(reason)
        written = sharded(files, **how)
        return variant(partial(ShardedPhotographs, written, files, recipe.fixed_v2), written.files)

    in_folder = partial(Photographs, files, recipe.fixed_v2)
    compare(
        baseline=variant(in_folder, [image.path for image in files]),
        memmap=variant(partial(in_folder, decode=pixels), [pixels.file]),
        pixel_shards=shards(pixels=True),
        jpeg_shards=shards(),
        same=same_pixels,
        items=len(files),
        expect=dict.fromkeys(("memmap", "pixel_shards"), "higher") if cold else None,
    )
