"""In-place operations save memory: they write over their input instead of allocating a result.

Why: The result needs no memory of its own. Through a whole network other tensors set the peak, and batch norm
lets go of its output anyway.

Source: PyTorch cookbooks, 2019-2020.
"""

from copy import deepcopy

import pytest
import torch

from harness import claim, prepared
from support.accuracy import near
from support.networks import OPERATIONS, operation_or_resnet18

SHAPES = {
    "cpu": {"operation": (2**18,), "resnet18": (2, 3, 64, 64)},
    "cuda": {"operation": (2**26,), "resnet18": (64, 3, 224, 224)},
}


@claim("M1", metric="peak_bytes", expect="lower")
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("work", ["relu", "clamp", "add", "resnet18"])
def bench_inplace(compare, device, work, mode):
    net = operation_or_resnet18(work).to(device).train(mode == "training")
    x = torch.randn(SHAPES[device.type].get(work) or SHAPES[device.type]["operation"], device=device)
    x.requires_grad_(work in OPERATIONS)
    upstream = torch.randn(x.shape if work in OPERATIONS else (len(x), 1000), device=device)

    def step(in_place):
        mine = deepcopy(net)
        for module in mine.modules():
            if hasattr(module, "inplace"):
                module.inplace = in_place
        leaves = tuple(mine.parameters()) or (x,)

        def training():
            y = mine(x)
            return [y.detach(), *torch.autograd.grad(y, leaves, upstream)]

        return training if mode == "training" else torch.no_grad()(lambda: [mine(x)])

    compare(
        baseline=prepared(step, False),
        in_place=prepared(step, True),
        same=near(5e-3),
        items=len(x) if work == "resnet18" else 0,
    )
