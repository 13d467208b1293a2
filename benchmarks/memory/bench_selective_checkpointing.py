"""Selective activation checkpointing, which keeps matrix products, is faster than full checkpointing.

Why: What is expensive to compute is kept, and what is cheap is computed again; memory lies between none and
full checkpointing.

Source: today's folklore; torch.utils.checkpoint's documentation.
"""

from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from harness import claim

BLOCKS = 4
# Samples, features.
SHAPES = {"cpu": (256, 256), "cuda": (16384, 1024)}
PRODUCTS = (torch.ops.aten.mm.default, torch.ops.aten.addmm.default)


def keep_products(_, operation, *_args, **_kwargs):
    return CheckpointPolicy.MUST_SAVE if operation in PRODUCTS else CheckpointPolicy.PREFER_RECOMPUTE


@claim("F5", expect="lower")
def bench_selective_checkpointing(compare, device):
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device, requires_grad=True)
    blocks = [
        nn.Sequential(nn.Linear(features, features), nn.GELU(), nn.LayerNorm(features)).to(device)
        for _ in range(BLOCKS)
    ]
    parameters = [parameter for block in blocks for parameter in block.parameters()]

    def step(**how):
        def train():
            y = x
            for block in blocks:
                y = checkpoint(block, y, use_reentrant=False, **how)
            return torch.autograd.grad(y.sum(), [x, *parameters])

        return train

    compare(
        baseline=step(),
        selective=step(context_fn=partial(create_selective_checkpoint_contexts, keep_products)),
        same=torch.testing.assert_close,
        items=samples,
    )
