"""Networks of several claims, with random weights: nothing is downloaded."""

from __future__ import annotations

from functools import partial

import torch


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
