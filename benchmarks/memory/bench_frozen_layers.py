"""Freezing all layers but the last (requires_grad=False) makes training steps faster.

Why: The backward pass ends at the first layer that needs no gradient, which is about two thirds of a step.

Source: PyTorch cookbooks, 2019-2020.
"""

from copy import deepcopy

import torch
from torch.nn import functional

from harness import claim, prepared

# Images and their side.
SHAPES = {"cpu": (2, 64), "cuda": (64, 224)}


@claim("M10", expect="lower")
def bench_frozen_layers(compare, device):
    from torchvision.models import resnet18

    images, side = SHAPES[device.type]
    x = torch.randn(images, 3, side, side, device=device)
    target = torch.randint(1000, (images,), device=device)
    net = resnet18().to(device)

    def step(frozen):
        mine = deepcopy(net)
        mine.requires_grad_(not frozen)
        mine.fc.requires_grad_(True)

        def train():
            mine.zero_grad()
            loss = functional.cross_entropy(mine(x), target)
            loss.backward()
            assert not frozen or mine.conv1.weight.grad is None
            return [loss.detach(), mine.fc.weight.grad]

        return train

    compare(
        baseline=prepared(step, False),
        frozen=prepared(step, True),
        same=lambda expected, got: torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4),
        items=images,
    )
