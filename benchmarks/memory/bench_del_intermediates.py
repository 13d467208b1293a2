"""Deleting intermediate results as soon as they are dead saves memory in inference, and none in training.

Why: A name keeps its tensor until the function returns. In training autograd keeps what it needs whatever the
names do, so that del frees nothing there.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim

SIZES = {"cpu": 2**18, "cuda": 2**24}


def keeping(x):
    a = torch.tanh(x)
    b = torch.tanh(a)
    c = torch.tanh(b)
    d = torch.tanh(c)
    return torch.tanh(d)


def deleting(x):
    a = torch.tanh(x)
    b = torch.tanh(a)
    del a
    c = torch.tanh(b)
    del b
    d = torch.tanh(c)
    del c
    return torch.tanh(d)


@claim("M3", metric="peak_bytes", expect="lower")
@pytest.mark.parametrize("mode", ["inference", "training"])
def bench_del_intermediates(compare, device, mode):
    x = torch.randn(SIZES[device.type], device=device, requires_grad=mode == "training")

    def step(forward):
        if mode == "inference":
            return lambda: forward(x)
        return lambda: torch.autograd.grad(forward(x).sum(), x)[0]

    compare(
        baseline=step(keeping),
        deleted=step(deleting),
        same=torch.equal,
        expect="lower" if mode == "inference" else "same",
    )
