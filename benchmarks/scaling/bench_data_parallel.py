"""DistributedDataParallel trains faster on several devices; DataParallel does so with less code.

Why: Each rank takes a share of the batch, and all gradients are summed between ranks. DataParallel copies the
network to every device in every step and collects all outputs on one. Ranks on the cores of one CPU gain only
what a single process leaves idle.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch import nn

from harness import Unavailable, claim, prepared
from support import rank
from support.ranks import training_ranks

RANKS = 2


@claim("P1", expect="lower", margin=0.05, time_limit=120)
def bench_data_parallel(compare, device):
    gpus = torch.cuda.device_count() if device.type == "cuda" else 0
    enough = device.type == "cpu" or gpus >= RANKS
    few = Unavailable(f"needs {RANKS} GPUs, and {gpus} are here")

    def alone(wrap=lambda net: net):
        net = wrap(rank.network(device.type).to(device))
        x, target = (whole.to(device) for whole in rank.batch(device.type))
        return rank.training(net, x, target)

    compare(
        baseline=prepared(alone),
        distributed=prepared(training_ranks, RANKS, device.type, "data_parallel") if enough else few,
        data_parallel=prepared(alone, nn.DataParallel) if gpus >= RANKS else few,
        same=lambda expected, got: torch.testing.assert_close(
            [each.cpu() for each in got], [each.cpu() for each in expected], rtol=1e-3, atol=1e-4
        ),
        items=rank.STEPS * rank.SHAPES[device.type][0],
    )
