"""CUDA graphs, mode="reduce-overhead" of torch.compile, always make compiled code faster.

Why: A graph launches all kernels at once, which gains while launches take longer than the kernels. Inputs are
copied into its own memory first, and that memory is kept.

Source: today's folklore; torch.compile's documentation.
"""

import pytest
import torch

from harness import claim, prepared
from support.compiled import compiled, no_compiler
from support.networks import GatedBlock

# Samples, features.
SHAPES = {
    "cpu": {"launch_bound": (2, 16), "compute_bound": (64, 64)},
    "cuda": {"launch_bound": (16, 256), "compute_bound": (16384, 4096)},
}
BLOCKS = 4


@claim("F10", expect="lower", needs="cuda", time_limit=300)
@pytest.mark.parametrize("work", ["launch_bound", "compute_bound"])
def bench_cuda_graphs(compare, device, work):
    if reason := no_compiler():
        pytest.skip(reason)
    samples, features = SHAPES[device.type][work]
    x = torch.randn(samples, features, device=device)
    net = torch.nn.Sequential(*(GatedBlock(features) for _ in range(BLOCKS))).to(device).requires_grad_(False)
    compare(
        baseline=prepared(compiled, lambda: torch.compile(net), x),
        reduce_overhead=prepared(compiled, lambda: torch.compile(net, mode="reduce-overhead"), x),
        same=lambda expected, got: torch.testing.assert_close(
            torch.Tensor(got), torch.Tensor(expected), rtol=1e-2, atol=1e-2
        ),
        items=samples,
        expect="lower" if work == "launch_bound" else "same",
    )
