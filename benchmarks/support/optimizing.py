"""Optimizers: parameters with gradients that stay, and the rules of SGD and Adam by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Step = Callable[[], list[Tensor]]
"""Takes a step and gives the parameters."""


def with_gradients(start: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
    """Parameters of these values, and of these gradients in every step."""
    parameters = [each.clone().requires_grad_() for each in start]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    return parameters


def stepping(optimizer: torch.optim.Optimizer) -> Step:
    """The steps of an optimizer of torch's."""
    groups = optimizer.param_groups

    def step() -> list[Tensor]:
        optimizer.step()
        return [parameter.detach() for group in groups for parameter in group["params"]]

    return step


def by_hand(rule: str, start: Sequence[Tensor], gradients: Sequence[Tensor], rate: float) -> Step:
    """A loop over the parameters, by the rule ``sgd`` or ``adam`` with torch's own constants."""
    parameters = [each.clone() for each in start]
    means = [torch.zeros_like(each) for each in start]
    squares = [torch.zeros_like(each) for each in start]
    steps = 0

    @torch.no_grad()
    def step() -> list[Tensor]:
        nonlocal steps
        steps += 1
        for parameter, gradient, mean, square in zip(parameters, gradients, means, squares, strict=True):
            if rule == "sgd":
                parameter.sub_(gradient, alpha=rate)
                continue
            mean.lerp_(gradient, 0.1)
            square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            root = (square / (1 - 0.999**steps)).sqrt_().add_(1e-8)
            parameter.addcdiv_(mean, root, value=-rate / (1 - 0.9**steps))
        return parameters

    return step
