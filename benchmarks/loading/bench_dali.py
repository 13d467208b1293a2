"""NVIDIA DALI loads faster than a DataLoader with the same recipe and the same cores.

Why: DALI decodes and crops in threads of C++, without Python's lock and without sending pixels between
processes. It gains while preparation bounds the loop.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

from harness import Unavailable, claim, prepared
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.loaders.dali import PipelineLoader
from harness.loading.loaders.dali_dynamic import DynamicLoader
from harness.loading.loaders.dali_proxy import ProxyLoader
from harness.loading.loaders.dali_shared import missing
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch


@claim("L5", expect="lower", loader=True, apart=True)
def bench_dali(compare, images, loop):
    cores = usable_cores()
    batch_size = photographs_in_batch()
    samples = batch_size * window_batches(cores)
    files = epoch_images(images, samples)
    on_gpu = compare.device.type == "cuda"
    reason = missing()

    def dali(loader, decoder, **options):
        if reason or (decoder == "gpu" and not on_gpu):
            return Unavailable(reason or "decodes on a GPU: no CUDA here")
        shared = {"batch_size": batch_size, "threads": cores, "device": compare.device, "step": loop["step"]}
        return prepared(in_windows, loader, files, decoder=decoder, **shared, **options)

    best = "gpu" if on_gpu else "cpu"
    dataset = partial(Photographs, files)
    compare(
        baseline=prepared(in_windows, PlainLoader, dataset, batch_size=batch_size, workers=cores, **loop),
        pipeline=dali(PipelineLoader, "cpu"),
        mixed=dali(PipelineLoader, "gpu"),
        dynamic=dali(DynamicLoader, best),
        dynamic_capture=dali(DynamicLoader, best, capture=True),
        proxy=dali(ProxyLoader, best),
        same=same_samples,
        items=samples,
        decoded=samples,
    )
