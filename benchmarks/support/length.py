"""How long an epoch is, where loaders of different depths are held against each other: each by its
own depth.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from time import perf_counter
from typing import Any

from harness.loading.loop.epoch import Epoch, same_samples
from harness.loading.loop.loader import epoch_batches
from harness.loading.machine.threads import one_thread

EPOCH_SECONDS = 1.0
"""Seconds of an epoch at most, where every core decodes as fast as one does alone."""

LEAST_A_WORKER = 4
"""Batches of each worker at least. All workers have equally many: none then waits for the last one."""

TRIED = 16
"""Samples that are prepared to know what one takes."""


def own_batches(workers: int, batch_seconds: float, cores: int) -> int:
    """Batches of an epoch for a loader with that many workers: by its own depth, in about a second.

    The epoch of the deepest loader would take one without workers minutes on a machine with many cores.
    ``batch_seconds`` is what one core needs for a batch.
    """
    at_once = max(1, min(workers, cores))
    fitting = int(EPOCH_SECONDS * at_once / max(batch_seconds, 1e-9))
    wanted = max(LEAST_A_WORKER * max(1, workers), min(epoch_batches(2 * workers), fitting))
    return -(-wanted // max(1, workers)) * max(1, workers)


def sample_seconds(dataset: Any, tried: int = TRIED) -> float:
    """Seconds that one core needs to prepare a sample of that dataset, the median of a few after
    the first.
    """
    took = []
    with one_thread():
        dataset[0]
        for place in range(1, min(tried, len(dataset))):
            start = perf_counter()
            dataset[place]
            took.append(perf_counter() - start)
    return median(took) if took else 0.0


def same_beginnings(expected: Epoch, got: Epoch, *, lengths: Iterable[int]) -> None:
    """Agree where both delivered whole epochs of one of these ``lengths``, and the same samples as
    far as both go.

    AssertionError names what differs. The samples of an epoch of length n have the ids from 0 to n - 1.
    """
    known = sorted(set(lengths))
    for epoch in (expected, got):
        delivered = epoch.ids.numel()
        assert delivered in known, f"{delivered} samples delivered, no epoch of {', '.join(map(str, known))}"
        assert epoch.ids.sort().values.equal(epoch.ids.new_tensor(range(delivered))), (
            f"of {delivered} samples some came twice, and others were missing"
        )
    common = min(expected.ids.numel(), got.ids.numel())
    same_samples(
        *(Epoch(epoch.ids[epoch.ids < common], epoch.labels[epoch.ids < common]) for epoch in (expected, got))
    )
