"""optimizer.zero_grad() does the same as model.zero_grad(), at the same cost.

Why: Both let go of the gradients. set_to_none=False fills them with zeros instead, which keeps the memory and
has the next backward pass add to it.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch import nn
from torch.nn import functional

from harness import claim, prepared

LAYERS = 8
# Samples, features.
SHAPES = {"cpu": (16, 128), "cuda": (256, 1024)}


@claim("C12", expect="same", margin=0.05)
def bench_zero_grad(compare, device):
    samples, features = SHAPES[device.type]
    x, target = torch.randn(2, samples, features, device=device)
    start = [torch.randn(features, features, device=device) / features**0.5 for _ in range(LAYERS)]

    def training(zero):
        net = nn.Sequential(*(nn.Linear(features, features, bias=False) for _ in range(LAYERS))).to(device)
        for parameter, value in zip(net.parameters(), start, strict=True):
            parameter.data.copy_(value)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

        def step():
            zero(net, optimizer)
            functional.mse_loss(net(x), target).backward()
            return [parameter.grad for parameter in net.parameters()]

        return step

    compare(
        baseline=prepared(training, lambda net, _: net.zero_grad()),
        optimizer=prepared(training, lambda _, optimizer: optimizer.zero_grad()),
        zeros=prepared(training, lambda _, optimizer: optimizer.zero_grad(set_to_none=False)),
        same=torch.testing.assert_close,
        items=samples,
    )
