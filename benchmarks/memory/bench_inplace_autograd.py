"""In-place operations raise an error where autograd needs the value that they write over.

Why: exp's and sigmoid's gradients are computed from their results, and writing over these makes backward
raise. sin's is computed from its input, and its result may be written over; the backward pass, which needs
most memory, needs as much as before.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest
import torch

from harness import claim, must_raise


@claim("M2", metric="peak_bytes", expect="same")
@pytest.mark.parametrize("operation", ["exp", "sigmoid", "sin"])
def bench_inplace_autograd(compare, device, operation):
    function = getattr(torch, operation)
    x = torch.randn(2**18 if device.type == "cpu" else 2**24, device=device, requires_grad=True)

    def gradient(double):
        return torch.autograd.grad(double(function(x)).sum(), x)[0]

    in_place = partial(gradient, lambda y: y.mul_(2))
    compare(
        baseline=partial(gradient, lambda y: y * 2),
        in_place=in_place
        if operation == "sin"
        else must_raise(RuntimeError, in_place, match="modified by an inplace operation"),
        same=torch.testing.assert_close,
    )
