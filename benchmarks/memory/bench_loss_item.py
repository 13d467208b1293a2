"""A running total of loss.item() or loss.detach() saves memory where no backward pass frees the graphs.

Why: A loss that was not passed to backward keeps all that its graph saved. Behind backward the buffers are
freed, and only small nodes of the graph remain.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch.nn import functional

from harness import claim

STEPS = 8
# Samples, features.
SHAPES = {"cpu": (256, 128), "cuda": (16384, 1024)}


@claim("M5", metric="peak_bytes", expect="lower")
@pytest.mark.parametrize("mode", ["validation", "training"])
def bench_loss_item(compare, device, mode):
    samples, features = SHAPES[device.type]
    x, target = torch.randn(2, samples, features, device=device)
    weight = (torch.randn(features, features, device=device) / features**0.5).requires_grad_()

    def totals(kept):
        def steps():
            total = 0.0
            for _ in range(STEPS):
                loss = functional.mse_loss(functional.linear(x, weight).tanh(), target)
                if mode == "training":
                    torch.autograd.grad(loss, weight)
                total = total + kept(loss)
            return torch.as_tensor(total).detach().cpu()

        return steps

    compare(
        baseline=totals(lambda loss: loss),
        item=totals(torch.Tensor.item),
        detach=totals(torch.Tensor.detach),
        same=lambda expected, got: torch.testing.assert_close(got, expected, check_dtype=False),
        items=STEPS * samples,
        expect="lower" if mode == "validation" else "same",
    )
