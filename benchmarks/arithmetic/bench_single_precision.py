"""float32 is much faster than float64.

Why: A vector register holds twice as many float32 values, and half the bytes are moved. Graphics cards
without many float64 units differ by far more than two.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim
from support.accuracy import within

OPERATIONS = {
    "matmul": lambda x: x @ x,
    "exp": torch.exp,
    "sum": lambda x: x.sum(0),
}
SIDES = {"cpu": 384, "cuda": 4096}


@claim("C3", expect="lower")
@pytest.mark.parametrize("operation", list(OPERATIONS))
def bench_single_precision(compare, device, operation):
    double = torch.randn(SIDES[device.type], SIDES[device.type], device=device, dtype=torch.float64)
    single = double.float()
    run = OPERATIONS[operation]
    compare(baseline=lambda: run(double), float32=lambda: run(single), same=within(1e-4))
