"""Worker processes that are started by forkserver or spawn, not by fork, spare memory.

Why: A forked worker shares its parent's memory until one of them writes, and Python writes wherever it looks
at an object: a dataset of many objects is copied page by page. Other workers are sent a copy as well, and
have torch to themselves, which takes more memory than fork does, and seconds. A forkserver that has imported
torch shares it.

Source: today's folklore; Python 3.14 starts processes by forkserver.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.machine.cores import usable_cores
from support.whole_batches import as_it_is
from support.worker_starts import Records, WorkerStart

# A record is a tuple and a text: a million objects.
RECORDS = {"few_objects": 1000, "million_objects": 500_000}
SAMPLES, BATCH = 64, 4


@claim("F1", metric="tree_bytes", expect="lower", loader=True, apart=True)
@pytest.mark.parametrize("dataset", list(RECORDS))
def bench_worker_starts(compare, loop, dataset):
    records = partial(Records, SAMPLES, RECORDS[dataset])
    options = {
        **loop,
        "step": None,
        "batch_size": BATCH,
        "workers": min(2, usable_cores()),
        "collate_fn": as_it_is,
    }

    def started(way, **preloaded):
        make = partial(PlainLoader, records, multiprocessing_context=way, **options)
        return prepared(WorkerStart, make, **preloaded)

    compare(
        baseline=started("fork"),
        forkserver=started("forkserver"),
        forkserver_preloaded=started("forkserver", preload=("torch",)),
        spawn=started("spawn"),
        same=same_samples,
        items=SAMPLES,
    )
