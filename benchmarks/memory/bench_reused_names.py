"""Reusing one name for the activations in forward saves memory under no_grad, and none in training.

Why: A new name for every layer keeps all activations alive until forward returns. Autograd keeps the inputs
of linear layers and GELUs anyway, so that it saves memory under no_grad alone.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch.nn import functional

from harness import claim

# Samples, features.
SHAPES = {"cpu": (512, 256), "cuda": (16384, 2048)}


def new_names(x, a, b, c):
    first = functional.linear(x, a)
    first_active = functional.gelu(first)
    second = functional.linear(first_active, b)
    second_active = functional.gelu(second)
    third = functional.linear(second_active, c)
    return functional.gelu(third)


def one_name(x, a, b, c):
    x = functional.linear(x, a)
    x = functional.gelu(x)
    x = functional.linear(x, b)
    x = functional.gelu(x)
    x = functional.linear(x, c)
    return functional.gelu(x)


@claim("M4", metric="peak_bytes", expect="lower")
@pytest.mark.parametrize("mode", ["no_grad", "training"])
def bench_reused_names(compare, device, mode):
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device)
    weights = [torch.randn(features, features, device=device) / features**0.5 for _ in range(3)]
    for weight in weights:
        weight.requires_grad_(mode == "training")

    def step(forward):
        if mode == "no_grad":
            return lambda: [forward(x, *weights)]
        return lambda: torch.autograd.grad(forward(x, *weights).sum(), weights)

    compare(
        baseline=step(new_names),
        one_name=step(one_name),
        same=torch.testing.assert_close,
        expect="lower" if mode == "no_grad" else "same",
    )
