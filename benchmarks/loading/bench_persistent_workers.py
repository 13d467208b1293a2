"""Persistent workers make short epochs faster, and more so if workers start slowly; long epochs change
little.

Why: Workers are started anew for each epoch otherwise, which takes longer than a short epoch.

Source: today's folklore; DataLoader's documentation.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.epochs_in_a_row import Successive, same_epochs
from support.whole_batches import DigitBatches, as_it_is

# How workers are started, how many epochs make an iteration, the size of a batch, and how many times the
# batches that a window would have make an epoch.
CASES = {
    "short_fork": ("fork", 4, 64, 1),
    "short_spawn": ("spawn", 1, 64, 1),
    "long_fork": ("fork", 1, 12, 6),
}


def in_a_row(epochs, *arguments, **options):
    return Successive(PlainLoader(*arguments, **options), epochs)


@claim("L8", expect="lower", loader=True)
@pytest.mark.parametrize("epoch", list(CASES))
def bench_persistent_workers(compare, images, tiny, loop, epoch):
    start, epochs, batch_size, turns = CASES[epoch]
    large = epoch == "long_fork"
    # A spawned worker imports torch anew, for seconds: one is enough.
    workers = 1 if start == "spawn" else min(4, usable_cores())
    samples = batch_size * turns * window_batches(workers)
    photographs = partial(Photographs, epoch_images(images, samples))
    dataset = photographs if large else partial(DigitBatches, tiny, samples)
    options = {"batch_size": batch_size, "workers": workers, "collate_fn": None if large else as_it_is}
    loader = partial(prepared, in_a_row, epochs, dataset, multiprocessing_context=start, **options, **loop)
    compare(
        baseline=loader(persistent=False),
        persistent=loader(persistent=True),
        same=same_epochs,
        items=epochs * samples,
        decoded=epochs * samples if large else 0,
        expect={"persistent": "same" if large else "lower"},
    )
