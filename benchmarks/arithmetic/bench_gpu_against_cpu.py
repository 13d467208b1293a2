"""The GPU is faster than the CPU.

Why: Small work is over on the CPU before a kernel is launched, and copies there and back take longer than
most operations. What stays on the GPU gains from a few hundred rows on.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim

SIDES = {"small": 32, "medium": 256, "large": 1024}


@claim("C9", expect="lower", needs="cuda")
@pytest.mark.parametrize("size", list(SIDES))
def bench_gpu_against_cpu(compare, device, size):
    side = SIDES[size]
    a, b = torch.randn(2, side, side)
    resident = a.to(device), b.to(device)

    def copied():
        return (a.to(device) @ b.to(device)).cpu()

    compare(
        baseline=lambda: a @ b,
        with_copies=copied,
        resident=lambda: resident[0] @ resident[1],
        same=lambda expected, got: torch.testing.assert_close(
            got.cpu(), expected, rtol=1e-2, atol=1e-3 * side
        ),
        flops=2 * side**3,
    )
