"""What a loader costs beside the time of its batches: the gap between epochs, device memory, what
it leaves behind.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median

import torch

from harness.loading.loop.loader import EARLY, Loader
from harness.probes import ProcessTree, cuda_uuid, device_bytes

GAPS = 3
"""Gaps between epochs that are looked at, after an epoch that only warms up."""

SMALL = 4
"""Samples in a batch where only what is left behind counts."""

Make = Callable[[int, int], Loader]
"""From samples in a batch, and in an epoch, to a loader."""


def survey(
    make: Make, *, batch_size: int, batches: int, device: torch.device, tree: ProcessTree
) -> dict[str, float]:
    """Readings of a loader alone, without a step, in epochs of so many ``batches``; ``tree`` is
    this process's.

    ``epoch_gap_seconds`` is the median wait between two epochs; ``device_bytes`` are those that
    NVML sees above the level before, ``threads_left`` and ``processes_left`` what is alive after an
    epoch that was left early. Raises what the loader raises.
    """
    before = _device_bytes(device)
    with make(batch_size, batches * batch_size) as loader:
        loader.alone()
        gaps = [loader.alone().readings["epoch_gap_seconds"] for _ in range(GAPS)]
        after = _device_bytes(device)
    readings = {"epoch_gap_seconds": median(gaps)}
    if before is not None and after is not None:
        readings["device_bytes"] = float(max(0, after - before))
    # Counted only now: threads that a library starts once and keeps are no loader's.
    living = tree.alive()
    with make(SMALL, SMALL * 2 * EARLY) as loader:
        loader.alone()
        loader.leave_early()
    gc.collect()
    return readings | tree.left_since(living)


def _device_bytes(device: torch.device) -> int | None:
    """What NVML sees in use on the device, torch's own reserve given back; None without a GPU, or
    without NVML.
    """
    if device.type != "cuda":
        return None
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    return device_bytes(cuda_uuid(device))[0]
