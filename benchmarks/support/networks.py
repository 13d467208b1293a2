"""Networks of several claims, with random weights: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import torch
from torch.utils.flop_counter import FlopCounterMode

# Each as (out of place, in place).
OPERATIONS: Mapping[str, tuple[Callable[[torch.Tensor], torch.Tensor], ...]] = {
    "relu": (torch.relu, torch.relu_),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), lambda x: x.clamp_(-0.5, 0.5)),
    "add": (lambda x: x.add(0.5), lambda x: x.add_(0.5)),
}


def matrix_or_resnet50(work: str, x: torch.Tensor) -> torch.nn.Module:
    """A linear layer for ``gemm``, else a ResNet-50, on the device of ``x`` and for inputs like it.

    A fresh ResNet is no model of a trained one: its batch norms do not normalise yet, so activations grow
    until half precision overflows, and blocks as strong as their shortcut make 40 % of bfloat16's rounding.
    So one pass sets the statistics, and each block adds a quarter.
    """
    if work == "gemm":
        return torch.nn.Linear(x.shape[1], x.shape[1], bias=False, device=x.device)
    from torchvision.models.resnet import Bottleneck, resnet50

    net: torch.nn.Module = resnet50(norm_layer=partial(torch.nn.BatchNorm2d, momentum=1.0)).to(x.device)
    for block in net.modules():
        if isinstance(block, Bottleneck):
            torch.nn.init.constant_(block.bn3.weight, 0.25)
    with torch.no_grad():
        net(torch.randn(16, *x.shape[1:], device=x.device))
    return net.eval()


class GatedBlock(torch.nn.Module):
    """Products of matrices, and small operations between them, as many features out as in."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.up, self.gate = torch.nn.Linear(features, features), torch.nn.Linear(features, features)
        self.norm = torch.nn.LayerNorm(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As many features as in x."""
        gated = torch.tanh(self.up(x)) * torch.sigmoid(self.gate(x))
        result: torch.Tensor = self.norm(x + gated * 0.5).clamp(-3, 3)
        return result


class Operation(torch.nn.Module):
    """One of `OPERATIONS` behind a layer that hands over a tensor of its own: here a copy, so that no value
    ever drifts."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.inplace = name, False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A fresh tensor of x's shape."""
        return OPERATIONS[self.name][self.inplace](x.clone())


def operation_or_resnet18(work: str) -> torch.nn.Module:
    """One of `OPERATIONS` by its name, else a ResNet-18; what can work in place has ``inplace``."""
    if work in OPERATIONS:
        return Operation(work)
    from torchvision.models import resnet18

    net: torch.nn.Module = resnet18()
    return net


def convolutional(width: int, classes: int) -> torch.nn.Module:
    """Three convolutions of that width over RGB images, and scores of the classes."""
    convolutions = (
        layer
        for before, after in pairwise((3, width, width, width))
        for layer in (torch.nn.Conv2d(before, after, 3, padding=1), torch.nn.ReLU())
    )
    pool, scores = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Linear(width, classes)
    return torch.nn.Sequential(*convolutions, pool, torch.nn.Flatten(), scores)


def flops_of(net: torch.nn.Module, x: torch.Tensor) -> int:
    """Floating-point operations of one forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(x)
    return int(counter.get_total_flops())
