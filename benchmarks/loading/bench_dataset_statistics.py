"""One pass over a DataLoader's batches gives a data set's mean and deviation sooner than NumPy does image by
image.

Why: A loop over images and channels reads every image twice, in one process. One pass over batches reads it
once, in several.

Source: PyTorch cookbooks, 2019-2020.
"""

from harness import claim, prepared
from harness.loading.data.dataset import epoch_images
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.statistics import same_statistics, streaming, two_passes


@claim("L14", expect="lower", loader=True)
def bench_dataset_statistics(compare, images):
    workers = min(4, usable_cores())
    batch_size = 4
    samples = batch_size * 3 * window_batches(workers)
    files = epoch_images(images, samples)
    compare(
        baseline=lambda: two_passes(files),
        streaming=prepared(streaming, files, batch_size=batch_size, workers=workers),
        same=same_statistics,
        items=samples,
    )
