"""The size of a batch of photographs where a claim is not about it."""

from harness.loading.machine.cores import usable_cores

FEW_CORES = 4
"""Cores up to which a window of batches of four lasts at least as long as it has to."""


def photographs_in_batch() -> int:
    """Photographs in a batch: four on a small machine, else eight.

    What a loader spends on a batch is little beside decoding four photographs on a few cores. With many cores
    four are decoded sooner than a batch is handed over.
    """
    return 4 if usable_cores() <= FEW_CORES else 8
