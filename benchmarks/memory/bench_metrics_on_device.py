"""Summing the loss on the GPU and reading it once is faster than loss.item() in every step of a small
network, and changes nothing for a large one.

Why: item() waits until the GPU has done all that was launched before. It costs most where launching takes
longer than computing.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch.nn import functional

from harness import claim

STEPS = 20
# Samples and features, of steps that are bound by launches and by arithmetic.
SHAPES = {
    "cpu": {"launches": (4, 8), "arithmetic": (64, 128)},
    "cuda": {"launches": (64, 64), "arithmetic": (8192, 2048)},
}


@claim("M6", expect="lower", needs="cuda")
@pytest.mark.parametrize("bound", ["launches", "arithmetic"])
def bench_metrics_on_device(compare, device, bound):
    samples, features = SHAPES[device.type][bound]
    x, target = torch.randn(2, samples, features, device=device)
    weight = torch.randn(features, features, device=device) / features**0.5

    def loss():
        return functional.mse_loss(functional.linear(x, weight).tanh(), target)

    def each_step():
        total = 0.0
        for _ in range(STEPS):
            total += loss().item()
        return total

    def on_device():
        total = torch.zeros((), device=device)
        for _ in range(STEPS):
            total += loss()
        return total.item()

    compare(
        baseline=each_step,
        on_device=on_device,
        same=lambda expected, got: abs(got - expected) <= 1e-3 * abs(expected),
        items=STEPS * samples,
        expect="lower" if bound == "launches" else "same",
    )
