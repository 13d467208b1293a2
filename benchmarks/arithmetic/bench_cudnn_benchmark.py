"""cudnn.benchmark=True speeds up convolutions of fixed shapes and slows down varying ones; deterministic=True
costs.

Why: cuDNN tries its algorithms on the first call of each shape and keeps the fastest. Shapes that vary are
tried again and again.

Source: PyTorch cookbooks, 2019-2020.
"""

from itertools import cycle, repeat
from random import Random

import pytest
import torch
from torch.nn import Conv2d, Sequential

from harness import claim, prepared
from support.accuracy import near

SIDE = {"cpu": 32, "cuda": 112}
CHANNELS, BATCH = 48, {"cpu": 2, "cuda": 16}


def sizes(side, varying):
    """Height and width of each step's images: one odd size, or ever new ones of nearly the same area, in one
    order."""
    if not varying:
        return repeat((side - 1, side + 3))
    sides = range(side // 2, 2 * side)
    shapes = [(high, wide) for high in sides for wide in sides if abs(high * wide / side**2 - 1) < 0.03]
    return cycle(Random(0).sample(shapes, len(shapes)))


@claim("C1", expect="lower", needs="cuda", apart=True, time_limit=180.0)
@pytest.mark.parametrize("shapes", ["fixed", "varying"])
def bench_cudnn_benchmark(compare, device, shapes):
    varying = shapes == "varying"
    kinds = [(3, 5), (CHANNELS, 3), (CHANNELS, 7)]
    # Nothing but convolutions: a ReLU near zero would make a large difference of the small one between
    # algorithms.
    net = Sequential(*(Conv2d(given, CHANNELS, side, padding=side // 2) for given, side in kinds)).to(device)

    def step(benchmark=False, deterministic=False):
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = benchmark, deterministic
        upcoming = sizes(SIDE[device.type], varying)

        def iteration():
            high, wide = next(upcoming)
            # A constant image: away from its border the result is the same whatever the size, and can be
            # compared.
            seen = net(torch.ones(BATCH[device.type], 3, high, wide, device=device))
            gradients = torch.autograd.grad(seen.mean(), list(net.parameters()))
            return [seen[:, :, high // 2, wide // 2].detach(), *([] if varying else gradients)]

        return iteration

    compare(
        baseline=prepared(step),
        on=prepared(step, benchmark=True),
        deterministic=prepared(step, deterministic=True),
        same=near(5e-3),
        expect={"on": "higher" if varying else "lower", "deterministic": "higher"},
        items=BATCH[device.type],
    )
