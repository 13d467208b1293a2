"""Workers load faster with jemalloc or tcmalloc in place of glibc's malloc, or with one of its arenas.

Why: glibc gives each thread an arena of its own, and returns little of it to the system. A worker's samples
are made by one thread, and large blocks come from the system whatever the allocator.

Source: today's folklore; PyTorch's tuning guide.
"""

from ctypes.util import find_library
from functools import partial

from harness import Unavailable, claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from support.batches import photographs_in_batch
from support.variables import has_loaded, variables

START = "spawn"  # a forked worker keeps the allocator of its parent


@claim("F7", expect="lower", loader=True)
def bench_allocators(compare, images, loop):
    batch_size = photographs_in_batch()
    workers = 1  # one that is spawned imports torch anew, for seconds
    samples = batch_size * window_batches(workers)
    dataset = partial(Photographs, epoch_images(images, samples))
    options = {**loop, "batch_size": batch_size, "workers": workers, "multiprocessing_context": START}
    loader = partial(prepared, in_windows, PlainLoader, dataset, **options)

    def preloaded(name, package):
        if (library := find_library(name)) is None:
            return Unavailable(f"lib{name} is not installed (Debian: apt install {package})")
        found = partial(has_loaded, library)
        return loader(worker_init_fn=found, around=partial(variables, LD_PRELOAD=library))

    compare(
        baseline=loader(),
        one_arena=loader(around=partial(variables, MALLOC_ARENA_MAX="1")),
        jemalloc=preloaded("jemalloc", "libjemalloc2"),
        tcmalloc=preloaded("tcmalloc_minimal", "libtcmalloc-minimal4"),
        same=same_samples,
        items=samples,
        decoded=samples,
    )
