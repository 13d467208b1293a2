"""inference_mode() is faster than no_grad() for tiny operations, and as fast for a network.

Why: It spares version counters and view tracking, a fraction of a microsecond an operation. A network of
usual size does not show it.

Source: today's folklore; PyTorch's documentation.
"""

import pytest
import torch
from torch import nn

from harness import claim, variant

SHAPES = {"cpu": {"tiny": (8,), "network": (64, 256)}, "cuda": {"tiny": (8,), "network": (4096, 2048)}}


@claim("F6", expect="lower")
@pytest.mark.parametrize("work", ["tiny", "network"])
def bench_inference_mode(compare, device, work):
    x = torch.randn(SHAPES[device.type][work], device=device)
    layers = [nn.Linear(x.shape[-1], x.shape[-1], device=device) for _ in range(4)]
    net = nn.Sequential(*layers)

    def tiny():
        y = x
        for _ in range(20):
            y = y.view(-1).add(1.0)
        return y

    forward = tiny if work == "tiny" else lambda: net(x)
    compare(
        baseline=variant(forward, around=torch.no_grad),
        inference_mode=variant(forward, around=torch.inference_mode),
        same=torch.equal,
        items=len(x),
        expect="lower" if work == "tiny" else "same",
    )
