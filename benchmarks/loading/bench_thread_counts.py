"""Threads that are set to one beside workers make loading faster: OMP_NUM_THREADS, torch.set_num_threads,
cv2.setNumThreads.

Why: A DataLoader's worker computes on one thread already, and libraries that count for themselves add theirs.
Where threads of one process load, each of them may start as many as there are cores.

Source: today's folklore; PyTorch's tuning guide.
"""

from functools import partial

import pytest

from harness import claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders import spdl, tensors
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from harness.loading.machine.threads import one_thread, use_threads
from support import opencv
from support.batches import photographs_in_batch
from support.variables import variables

START = "spawn"  # a forked worker has read its parent's variables


@claim("F2", expect="lower", loader=True)
@pytest.mark.parametrize("loading", ["processes", "opencv_in_processes", "threads"])
def bench_thread_counts(compare, images, loop, loading):
    cores, batch_size = usable_cores(), photographs_in_batch()
    in_threads, by_opencv = loading == "threads", loading == "opencv_in_processes"
    reason = opencv.missing() if by_opencv else tensors.missing(compare.device)
    if reason := reason or (in_threads and spdl.missing()):
        pytest.skip(reason)
    # The windows of threads lie inside an epoch, behind the batches that are kept ready.
    samples = batch_size * window_batches(cores) * (2 if in_threads else 1)
    files = epoch_images(images, samples)
    dataset = (
        partial(Photographs, files, opencv.resized_by_opencv)
        if by_opencv
        else partial(tensors.dataset, files, False)
    )
    kind, count = (spdl.SpdlLoader, "threads") if in_threads else (PlainLoader, "workers")
    loader = partial(prepared, in_windows, kind, dataset, batch_size=batch_size, **{count: cores}, **loop)
    if in_threads:
        variants = {"torch": loader(around=one_thread)}
    else:
        omp = partial(variables, OMP_NUM_THREADS="1")
        own = {"opencv": opencv.without_threads} if by_opencv else {"torch": partial(use_threads, 1)}
        variants = {name: loader(worker_init_fn=function) for name, function in own.items()}
        variants["omp_variable"] = loader(multiprocessing_context=START, around=omp)
    compare(baseline=loader(), **variants, same=same_samples, items=samples, decoded=samples)
