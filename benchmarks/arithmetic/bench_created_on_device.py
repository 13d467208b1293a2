"""Creating tensors on the device is faster than creating them on the CPU and copying them.

Why: The copy waits for the CPU to fill the memory, and crosses the bus.

Source: today's folklore; PyTorch's performance tuning guide.
"""

import pytest
import torch

from harness import claim

KINDS = {"zeros": torch.zeros, "random": torch.rand}


def same(expected, got):
    """Of one shape and on one device; random numbers differ."""
    assert (got.shape, got.dtype, got.device) == (expected.shape, expected.dtype, expected.device)
    return bool((got >= 0).all() and (got < 1).all())


@claim("C21", expect="lower", needs="cuda")
@pytest.mark.parametrize("kind", list(KINDS))
def bench_created_on_device(compare, device, kind):
    make, values = KINDS[kind], 2**20
    compare(
        baseline=lambda: make(values).to(device),
        on_device=lambda: make(values, device=device),
        same=same,
    )
