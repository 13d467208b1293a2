"""Synchronised batch norm costs nothing.

Why: Every batch norm waits for the statistics of all ranks, twice a step.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim, prepared
from support import rank
from support.ranks import training_ranks

RANKS = 2


def same(expected, got):
    """Statistics of a share of the batch differ from those of all; only what they are of is the same."""
    return [each.shape for each in got] == [each.shape for each in expected] and all(
        bool(each.isfinite().all()) for each in got
    )


@claim("P2", expect="same", margin=0.05, needs="cuda", time_limit=120)
def bench_synchronised_norm(compare, device):
    if torch.cuda.device_count() < RANKS:
        pytest.skip(f"SyncBatchNorm needs {RANKS} GPUs, and {torch.cuda.device_count()} are here")
    compare(
        baseline=prepared(training_ranks, RANKS, device.type, "data_parallel"),
        synchronised=prepared(training_ranks, RANKS, device.type, "synchronised_norm"),
        same=same,
        items=rank.STEPS * rank.SHAPES[device.type][0],
    )
