"""Worker processes speed up loading: too few starve the loop, too many get in its way, and four per GPU are right.

Tiny samples cost less to prepare than to send from one process to another.
"""

from functools import partial

import pytest
import torch

from harness import claim, prepared
from harness.loading.images.dataset import Digits, Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.loader import epoch_batches
from harness.loading.machine.cores import usable_cores, worker_counts


@claim("L1", expect="lower", loader=True)
@pytest.mark.parametrize("work", ["jpeg_loop", "tiny_loop", "tiny_alone"])
def bench_num_workers(contest, images, tiny, loop, work):
    counts = worker_counts(usable_cores(), torch.cuda.device_count())
    jpegs = work == "jpeg_loop"
    # Sending a batch to another process costs about the same for 2 photographs as for 8: fewer would be no one's batch.
    batch_size = 8 if jpegs else 64
    samples = batch_size * epoch_batches(2 * max(counts))
    dataset = partial(Photographs, epoch_images(images, samples)) if jpegs else partial(Digits, tiny, samples)
    loader = partial(prepared, PlainLoader, dataset, batch_size=batch_size, **loop)
    step = None if work == "tiny_alone" else loop["step"]
    contest(
        baseline=loader(workers=0, step=step),
        **{f"workers_{count}": loader(workers=count, step=step) for count in counts},
        same=same_samples,
        items=samples,
        decoded=samples if jpegs else 0,
    )
