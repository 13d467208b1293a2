"""Training is faster if a profiler records few steps or none than if it is left on; torch.utils.bottleneck
finds out where time goes.

Why: Every operation is recorded, which takes a few microseconds each. A schedule records a few steps of many,
and costs little in the others.

Source: PyTorch cookbooks, 2019-2020.
"""

from contextlib import contextmanager
from importlib.util import find_spec

import torch
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile, schedule

from harness import Unavailable, claim, gone, prepared

STEPS = 20
# Samples, features.
SHAPES = {"cpu": (16, 64), "cuda": (256, 256)}


@claim("O2", expect="lower", margin=0.05, apart=True)
def bench_profiler(compare, device):
    samples, features = SHAPES[device.type]
    x, target = torch.randn(2, samples, features, device=device)
    weight = (torch.randn(features, features, device=device) / features**0.5).requires_grad_()
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]

    def step():
        loss = functional.mse_loss(functional.linear(x, weight).tanh(), target)
        return torch.autograd.grad(loss, weight)[0]

    def plain():
        return [step() for _ in range(STEPS)][-1]

    @contextmanager
    def profiled(steps):
        def run():
            with profile(activities=kinds, schedule=steps) as profiler:
                for _ in range(STEPS):
                    found = step()
                    profiler.step()
            return found

        yield run

    old = Unavailable("torch.utils.bottleneck is a command, not a part of a loop")
    compare(
        baseline=prepared(profiled, None),
        switched_off=plain,
        two_of_twenty=prepared(profiled, schedule(wait=17, warmup=1, active=2)),
        bottleneck=old
        if find_spec("torch.utils.bottleneck")
        else gone("torch.utils.bottleneck", since="torch 2.14", instead="torch.profiler"),
        same=torch.testing.assert_close,
        items=STEPS * samples,
    )
