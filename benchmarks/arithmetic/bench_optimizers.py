"""torch.optim is faster than a loop over the parameters.

Why: On a GPU foreach and fused update all tensors with few launches, where a loop has several for each. On a
CPU nothing is launched, and torch.optim's own checks take longer than a loop of in-place operations.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim, prepared

# Tensors, and the side of each.
TENSORS = {
    "cpu": {"many_small": (200, 8), "few_large": (4, 256)},
    "cuda": {"many_small": (500, 32), "few_large": (4, 4096)},
}
RATE = 1e-3
KINDS = {"loop": {"foreach": False, "fused": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


@claim("C11", expect="lower")
@pytest.mark.parametrize("tensors", ["many_small", "few_large"])
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def bench_optimizers(compare, device, rule, tensors):
    count, side = TENSORS[device.type][tensors]
    start = [torch.randn(side, side, device=device) for _ in range(count)]
    gradients = [torch.randn_like(each) for each in start]

    def manual():
        mine = [each.clone() for each in start]
        means = [torch.zeros_like(each) for each in start]
        squares = [torch.zeros_like(each) for each in start]
        steps = 0

        @torch.no_grad()
        def step():
            nonlocal steps
            steps += 1
            for parameter, gradient, mean, square in zip(mine, gradients, means, squares, strict=True):
                if rule == "sgd":
                    parameter.sub_(gradient, alpha=RATE)
                    continue
                mean.lerp_(gradient, 0.1)
                square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                root = (square / (1 - 0.999**steps)).sqrt_().add_(1e-8)
                parameter.addcdiv_(mean, root, value=-RATE / (1 - 0.9**steps))
            return mine

        return step

    def optim(options):
        mine = [each.clone().requires_grad_() for each in start]
        for parameter, gradient in zip(mine, gradients, strict=True):
            parameter.grad = gradient
        made = (torch.optim.SGD if rule == "sgd" else torch.optim.Adam)(mine, lr=RATE, **options)

        def step():
            made.step()
            return [parameter.detach() for parameter in mine]

        return step

    compare(
        baseline=prepared(manual),
        default=prepared(optim, {}),
        **{name: prepared(optim, options) for name, options in KINDS.items()},
        same=torch.testing.assert_close,
        items=count,
    )
