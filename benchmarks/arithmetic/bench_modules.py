"""nn.Module layers cost the same as nn.functional.

Why: A module adds a few microseconds a call for hooks and attributes. A layer that computes for longer hides
them.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from harness import claim

# Samples, features.
SHAPES = {
    "cpu": {"tiny": (4, 16), "usual": (256, 512)},
    "cuda": {"tiny": (16, 64), "usual": (8192, 2048)},
}


@claim("C13", expect="same", margin=0.05)
@pytest.mark.parametrize("size", ["tiny", "usual"])
def bench_modules(compare, device, size):
    samples, features = SHAPES[device.type][size]
    x = torch.randn(samples, features, device=device)
    layers = [nn.Linear(features, features).to(device).requires_grad_(False) for _ in range(3)]
    sequential = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    named = nn.ModuleDict({f"layer{place}": layer for place, layer in enumerate(layers)})

    def functions():
        y = x
        for layer in layers:
            y = functional.relu(functional.linear(y, layer.weight, layer.bias))
        return y

    def dictionary():
        y = x
        for layer in named.values():
            y = functional.relu(layer(y))
        return y

    compare(
        baseline=functions,
        sequential=lambda: sequential(x),
        module_dict=dictionary,
        same=torch.equal,
        items=samples,
    )
