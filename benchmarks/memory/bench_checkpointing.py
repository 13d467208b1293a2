"""Activation checkpointing saves memory in training.

Why: Inside a checkpoint activations are computed again in the backward pass, which adds about a third to a
step. What is saved grows with the depth.

Source: today's folklore; torch.utils.checkpoint's documentation.
"""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from harness import claim

BLOCKS = 8
# Samples, features.
SHAPES = {"cpu": (512, 128), "cuda": (16384, 1024)}


@claim("M12", metric="peak_bytes", expect="lower")
def bench_checkpointing(compare, device):
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device, requires_grad=True)
    blocks = [
        nn.Sequential(nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, features)).to(
            device
        )
        for _ in range(BLOCKS)
    ]
    net = nn.Sequential(*blocks)

    def each_block(y):
        for block in blocks:
            y = checkpoint(block, y, use_reentrant=False)
        return y

    def step(forward):
        return lambda: torch.autograd.grad(forward(x).sum(), [x, *net.parameters()])

    compare(
        baseline=step(net),
        each_block=step(each_block),
        two_segments=step(lambda y: checkpoint_sequential(net, 2, y, use_reentrant=False)),
        same=torch.testing.assert_close,
        items=samples,
    )
