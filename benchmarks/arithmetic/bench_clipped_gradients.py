"""Clipping gradients by their norm costs next to nothing.

Why: It reads and writes every gradient once more, which counts where a step does little else for a parameter,
as with small batches.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from harness import claim

# Samples and features.
SHAPES = {
    "cpu": {"small_batch": (8, 256), "large_batch": (256, 256)},
    "cuda": {"small_batch": (64, 2048), "large_batch": (8192, 2048)},
}


@claim("C16", expect="same", margin=0.03)
@pytest.mark.parametrize("batch", ["small_batch", "large_batch"])
def bench_clipped_gradients(compare, device, batch):
    samples, features = SHAPES[device.type][batch]
    x, target = torch.randn(2, samples, features, device=device)
    net = nn.Sequential(*(nn.Linear(features, features) for _ in range(4))).to(device)
    norm = 1e6  # so large that nothing is scaled down, and results are equal

    def step(clip):
        def train():
            net.zero_grad()
            functional.mse_loss(net(x), target).backward()
            clip()
            return [parameter.grad for parameter in net.parameters()]

        return train

    compare(
        baseline=step(lambda: None),
        clipped=step(lambda: clip_grad_norm_(net.parameters(), norm)),
        clipped_foreach=step(lambda: clip_grad_norm_(net.parameters(), norm, foreach=True)),
        clipped_in_loop=step(lambda: clip_grad_norm_(net.parameters(), norm, foreach=False)),
        same=torch.testing.assert_close,
        items=samples,
    )
