"""torch.optim is faster than a loop over the parameters.

Why: On a GPU foreach and fused update all tensors with few launches, where a loop has several for each. On a
CPU nothing is launched, and torch.optim's own checks take longer than a loop of in-place operations.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim, prepared
from support.optimizing import by_hand, stepping, with_gradients

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

    make = torch.optim.SGD if rule == "sgd" else torch.optim.Adam

    def optim(options):
        return stepping(make(with_gradients(start, gradients), lr=RATE, **options))

    compare(
        baseline=prepared(by_hand, rule, start, gradients, RATE),
        default=prepared(optim, {}),
        **{name: prepared(optim, options) for name, options in KINDS.items()},
        same=torch.testing.assert_close,
        items=count,
    )
