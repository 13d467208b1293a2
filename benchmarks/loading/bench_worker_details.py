"""Out-of-order delivery helps if files are uneven, and fetching whole batches helps if samples are tiny.

A worker computes on one thread by default. More threads in each worker compete with the other workers.

Why: A slow file holds up all batches behind it unless they may overtake it. Tiny samples cost more to collect
one by one than to read.

Source: today's folklore; DataLoader's documentation.
"""

from functools import partial

import pytest

from harness import Unavailable, claim, prepared
from harness.loading.data.dataset import Digits, Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from harness.loading.machine.threads import use_threads
from support.whole_batches import DigitBatches, PhotographBatches, as_it_is


@claim("L17", expect="same", loader=True)
@pytest.mark.parametrize("samples", ["photographs", "tiny"])
def bench_worker_details(compare, uneven, tiny, loop, samples):
    cores, large = usable_cores(), samples == "photographs"
    workers, batch_size = max(2, min(4, cores)), 2 if large else 64
    count = batch_size * window_batches(workers)
    source = (epoch_images(compare.data or uneven, count),) if large else (tiny, count)
    one_by_one, at_once = (Photographs, PhotographBatches) if large else (Digits, DigitBatches)
    loader = partial(prepared, in_windows, PlainLoader, batch_size=batch_size, workers=workers, **loop)
    dataset = partial(one_by_one, *source)
    # Spawned: where its parent has used OpenMP threads, a forked process that starts some of its own hangs.
    spawned = partial(loader, dataset, multiprocessing_context="spawn")
    compare(
        baseline=loader(dataset),
        one_thread=loader(dataset, worker_init_fn=partial(use_threads, 1)),
        all_threads=spawned(worker_init_fn=partial(use_threads, cores))
        if cores > 1
        else Unavailable("has one core"),
        out_of_order=loader(dataset, in_order=False),
        batch_fetch=loader(partial(at_once, *source), collate_fn=as_it_is),
        same=same_samples,
        items=count,
        decoded=count if large else 0,
        expect={"all_threads": "higher", "out_of_order": "lower"} if large else {"batch_fetch": "lower"},
    )
