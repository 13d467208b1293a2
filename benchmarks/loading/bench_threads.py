"""Threads in place of worker processes load as fast, with less memory: SPDL, torchdata's nodes.

Why: Threads share their memory and send nothing to one another. They run at the same time only while they are
outside Python, as decoders and tensors are; code in Python takes turns for its lock.

Source: today's folklore; the documentation of SPDL and torchdata.
"""

from functools import partial

import pytest

from harness import Unavailable, claim, prepared
from harness.loading.data.dataset import epoch_images
from harness.loading.loaders import nodes, spdl, tensors
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.rounds import in_windows
from harness.loading.loop.window import window_batches
from harness.loading.machine.cores import usable_cores
from support.batches import photographs_in_batch
from support.texts import Texts


@claim("F8", expect="lower", loader=True, apart=True)
@pytest.mark.parametrize("samples_by", ["decoding", "python"])
def bench_threads(compare, images, loop, samples_by):
    cores, batch_size, decoding = usable_cores(), photographs_in_batch(), samples_by == "decoding"
    if decoding and (reason := tensors.missing(compare.device)):
        pytest.skip(reason)
    # The windows of threads lie inside an epoch, behind the batches that are kept ready.
    samples = 2 * batch_size * window_batches(cores)
    dataset = (
        partial(tensors.dataset, epoch_images(images, samples), False)
        if decoding
        else partial(Texts, samples)
    )

    def threads(kind, missing):
        if missing:
            return Unavailable(missing)
        return prepared(in_windows, kind, dataset, batch_size=batch_size, threads=cores, **loop)

    compare(
        baseline=prepared(in_windows, PlainLoader, dataset, batch_size=batch_size, workers=cores, **loop),
        spdl=threads(spdl.SpdlLoader, spdl.missing()),
        nodes=threads(nodes.NodesLoader, nodes.missing()),
        same=same_samples,
        items=samples,
        decoded=samples if decoding else 0,
        expect=dict.fromkeys(("spdl", "nodes"), "lower" if decoding else "higher"),
    )
