"""Training is faster if anomaly detection is switched off once the fault is found.

Why: Every operation keeps a traceback of where it was called, and every gradient is searched for NaN. Small
operations feel it most.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch import nn

from harness import claim, variant

# Images, channels, side of a convolutional net; samples and features of a linear layer.
IMAGES = {"cpu": (2, 16, 32), "cuda": (64, 64, 56)}
SAMPLES = {"cpu": (8, 16), "cuda": (64, 64)}


@claim("O3", expect="lower", margin=0.05)
@pytest.mark.parametrize("work", ["tiny", "convolutions"])
def bench_anomaly_detection(compare, device, work):
    if work == "tiny":
        net, x = nn.Linear(*[SAMPLES[device.type][1]] * 2), torch.randn(SAMPLES[device.type])
    else:
        images, channels, side = IMAGES[device.type]
        net = nn.Sequential(*(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3)))
        x = torch.randn(images, channels, side, side)
    net, x = net.to(device), x.to(device)

    def step():
        return torch.autograd.grad(net(x).square().mean(), list(net.parameters()))

    compare(
        baseline=variant(step, around=lambda: torch.autograd.set_detect_anomaly(True)),
        switched_off=step,
        same=torch.testing.assert_close,
        items=len(x),
    )
