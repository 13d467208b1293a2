"""Autograd costs little more than a backward pass written by hand.

Why: It adds a few microseconds an operation, which a small network feels and a large one does not.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim

# Samples, features, hidden features.
SHAPES = {
    "cpu": {"small": (16, 32, 32), "large": (256, 512, 512)},
    "cuda": {"small": (64, 64, 64), "large": (8192, 2048, 2048)},
}


@claim("C10", expect="same", margin=0.05)
@pytest.mark.parametrize("size", ["small", "large"])
def bench_autograd(compare, device, size):
    samples, features, hidden = SHAPES[device.type][size]
    x, target = torch.randn(2, samples, features, device=device)
    first = torch.randn(features, hidden, device=device) / features**0.5
    second = torch.randn(hidden, features, device=device) / hidden**0.5

    @torch.no_grad()
    def by_hand():
        before = x @ first
        active = before.clamp(min=0)
        error = 2 * (active @ second - target) / target.numel()
        through = error @ second.t() * (before > 0)
        return [x.t() @ through, active.t() @ error]

    def autograd():
        weights = [first.detach().requires_grad_(), second.detach().requires_grad_()]
        loss = ((x @ weights[0]).clamp(min=0) @ weights[1] - target).pow(2).mean()
        return list(torch.autograd.grad(loss, weights))

    compare(
        baseline=by_hand,
        autograd=autograd,
        same=lambda expected, got: torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-6),
        items=samples,
    )
