"""Worker processes speed up loading: too few starve the loop, too many get in its way, and four per GPU are
right.

Tiny samples cost less to prepare than to send from one process to another.

Why: Decoding in other processes gains while the loop waits for it and cores are free. Tiny samples cost more
to send than to prepare, and more processes than cores take turns.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest
import torch

from harness import claim, prepared
from harness.loading.data.dataset import Digits, Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import EPOCH_BATCHES, window_batches
from harness.loading.machine.cores import usable_cores, worker_counts
from support.batches import photographs_in_batch
from support.length import same_beginnings


@claim("L1", expect="lower", loader=True)
@pytest.mark.parametrize("work", ["jpeg_loop", "tiny_loop", "tiny_alone"])
def bench_num_workers(compare, images, tiny, loop, work):
    cores = usable_cores()
    counts = [0, *worker_counts(cores, torch.cuda.device_count())]
    jpegs = work == "jpeg_loop"
    batch_size = photographs_in_batch() if jpegs else 64
    stated = EPOCH_BATCHES * batch_size  # what times are of, whatever the length of an epoch
    files = epoch_images(images, stated)

    def dataset(samples):
        return (
            Photographs([files[place % stated] for place in range(samples)])
            if jpegs
            else Digits(tiny, samples)
        )

    samples = {count: batch_size * window_batches(count) for count in counts}
    step = None if work == "tiny_alone" else loop["step"]

    def loader(workers):
        own = samples[workers]
        options = {**loop, "workers": workers, "step": step, "batch_size": batch_size}
        return prepared(in_windows, PlainLoader, partial(dataset, own), part=own / stated, **options)

    compare(
        baseline=loader(0),
        **{f"workers_{count}": loader(count) for count in counts[1:]},
        same=partial(same_beginnings, lengths=set(samples.values())),
        items=stated,
        decoded=stated if jpegs else 0,
    )
