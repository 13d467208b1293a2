"""In-place operations save memory: they write over their input instead of allocating a result.

Why: The result needs no memory of its own. Through a whole network other tensors set the peak, and batch norm
lets go of its output anyway.

Source: PyTorch cookbooks, 2019-2020.
"""

from copy import deepcopy

import pytest
import torch

from harness import claim, prepared

SHAPES = {
    "cpu": {"operation": (2**18,), "resnet18": (2, 3, 64, 64)},
    "cuda": {"operation": (2**26,), "resnet18": (64, 3, 224, 224)},
}
# Each as (out of place, in place).
OPERATIONS = {
    "relu": (torch.relu, torch.relu_),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), lambda x: x.clamp_(-0.5, 0.5)),
    "add": (lambda x: x.add(0.5), lambda x: x.add_(0.5)),
}


class Operation(torch.nn.Module):
    """One operation behind a layer that hands over a tensor of its own: here a copy, so that no value ever
    drifts."""

    def __init__(self, name):
        super().__init__()
        self.name, self.inplace = name, False

    def forward(self, x):
        """A fresh tensor of x's shape."""
        return OPERATIONS[self.name][self.inplace](x.clone())


# Of a tensor's largest value: cuDNN's backward sums in another order each time, and may round to TF32's 10
# bits.
TOLERANCE = 5e-3


def same(expected, got):
    assert len(got) == len(expected), f"{len(got)} results, not {len(expected)}"
    for right, mine in zip(expected, got, strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=TOLERANCE * float(right.abs().max()))


def network(work):
    if work in OPERATIONS:
        return Operation(work)
    from torchvision.models import resnet18

    return resnet18()


@claim("M1", metric="peak_bytes", expect="lower")
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("work", ["relu", "clamp", "add", "resnet18"])
def bench_inplace(compare, device, work, mode):
    net = network(work).to(device).train(mode == "training")
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
        same=same,
        items=len(x) if work == "resnet18" else 0,
    )
