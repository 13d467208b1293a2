"""Hooks that keep feature maps are free.

Why: A hook is a call of Python for each layer. What it keeps stays in memory until the next step, and a clone
is a copy more.

Source: PyTorch cookbooks, 2019-2020.
"""

from contextlib import contextmanager

import torch
from torch import nn

from harness import claim, prepared

LAYERS = 6
# Images, channels, side.
SHAPES = {"cpu": (4, 16, 32), "cuda": (64, 128, 56)}


@claim("V4", expect="same", margin=0.05)
def bench_hooks(compare, device):
    images, channels, side = SHAPES[device.type]
    x = torch.randn(images, channels, side, side, device=device)
    convolutions = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(LAYERS)]

    @contextmanager
    def forward(keep=None):
        # Layers of its own, with the same weights: hooks of one variant do not run in another.
        net = nn.Sequential(*(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(LAYERS)))
        net.load_state_dict(nn.Sequential(*convolutions).state_dict())
        net.to(device).requires_grad_(False)
        kept = {}

        def hook(layer, _, output):
            kept[layer] = keep(output)

        handles = [layer.register_forward_hook(hook) for layer in net] if keep else []
        yield lambda: net(x)
        for handle in handles:
            handle.remove()

    compare(
        baseline=prepared(forward),
        called=prepared(forward, lambda _: None),
        outputs_kept=prepared(forward, lambda output: output),
        clones_kept=prepared(forward, lambda output: output.detach().clone()),
        same=torch.equal,
        items=images,
    )
