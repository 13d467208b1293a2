"""Compiling the repeated block of a network, not all of it, takes a fraction of the time and is as fast.

Why: Blocks of one kind are compiled once, and the code serves all of them. The whole network is one large
graph, in which every block is compiled again.

Source: today's folklore; PyTorch's recipe for regional compilation.
"""

from copy import deepcopy

import pytest
import torch

from harness import claim, prepared
from support.compiled import compiled, no_compiler
from support.networks import GatedBlock

# Samples, features.
SHAPES = {"cpu": (64, 64), "cuda": (4096, 1024)}
BLOCKS = 8


@claim("F4", metric="compile_seconds", expect="lower", margin=0.05, time_limit=300)
def bench_regional_compile(compare, device):
    if reason := no_compiler():
        pytest.skip(reason)
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device)
    net = torch.nn.Sequential(*(GatedBlock(features) for _ in range(BLOCKS))).to(device).requires_grad_(False)

    def regional():
        blocks = deepcopy(net)
        for block in blocks:
            block.compile()
        return blocks

    compare(
        baseline=prepared(compiled, lambda: torch.compile(net), x),
        regional=prepared(compiled, regional, x),
        eager=prepared(compiled, lambda: net, x),
        same=lambda expected, got: torch.testing.assert_close(
            torch.Tensor(got), torch.Tensor(expected), rtol=1e-3, atol=1e-3
        ),
        items=samples,
    )
