"""expandable_segments:True makes the CUDA allocator reserve less memory if shapes vary.

Why: A block that was freed fits only requests of its own size or smaller ones, so sequences of growing length
leave gaps between blocks. A segment that can grow has no gaps. Fixed shapes use the same blocks again.

Source: today's folklore; PyTorch's notes on CUDA memory.
"""

from random import Random

import pytest
import torch
from torch import nn

from harness import claim, prepared

# Sequences, features; tokens at most.
SHAPES = {"cpu": (2, 16, 64), "cuda": (16, 1024, 4096)}
STEPS = 16


@claim("F9", metric="reserved_bytes", expect="lower", margin=0.05, needs="cuda", apart=True)
@pytest.mark.parametrize("shapes", ["fixed", "varying"])
def bench_expandable_segments(compare, device, shapes):
    if not hasattr(torch._C, "_accelerator_setAllocatorSettings"):
        pytest.skip(f"torch {torch.__version__} has no call that sets up its allocator")
    sequences, features, most = SHAPES[device.type]
    lengths = Random(0).choices(range(most // 8, most), k=STEPS) if shapes == "varying" else [most] * STEPS

    def training(expandable):
        # In a process of its own, and before it has memory of the GPU: a block stays of the kind it is.
        torch._C._accelerator_setAllocatorSettings(f"expandable_segments:{expandable}")
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, features))
        net, x = net.to(device), torch.randn(sequences, most, features).to(device)

        def epoch():
            steps = (
                torch.autograd.grad(net(x[:, :tokens]).square().mean(), list(net.parameters()))
                for tokens in lengths
            )
            return torch.stack([gradients[0].norm() for gradients in steps])

        return epoch

    compare(
        baseline=prepared(training, False),
        expandable=prepared(training, True),
        same=torch.testing.assert_close,
        items=sequences * sum(lengths),
        expect="lower" if shapes == "varying" else "same",
    )
