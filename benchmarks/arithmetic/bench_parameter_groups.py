"""Learning rates by parameter groups cost nothing.

Why: Every group is a step of its own. A few cost little; one for each tensor undoes what foreach and fused
gain.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim, prepared
from support.optimizing import stepping, with_gradients

# Tensors, and the side of each.
TENSORS = {"cpu": (100, 16), "cuda": (500, 64)}


@claim("V7", expect="same", margin=0.05)
@pytest.mark.parametrize("kind", ["foreach", "fused"])
def bench_parameter_groups(compare, device, kind):
    count, side = TENSORS[device.type]
    start = [torch.randn(side, side, device=device) for _ in range(count)]
    gradients = [torch.randn_like(each) for each in start]

    def optimizer(groups):
        mine, size = with_gradients(start, gradients), count // groups
        split = [{"params": mine[place : place + size], "lr": 1e-3} for place in range(0, count, size)]
        return stepping(torch.optim.SGD(split, **{kind: True}))

    compare(
        baseline=prepared(optimizer, 1),
        four_groups=prepared(optimizer, 4),
        group_each=prepared(optimizer, count),
        same=torch.testing.assert_close,
        items=count,
    )
