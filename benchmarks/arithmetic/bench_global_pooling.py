"""Global average pooling by AdaptiveAvgPool2d(1) costs the same as a mean over height and width.

Why: Pooling to one value is a mean, and torch calls mean for it.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch.nn import functional

from harness import claim

# Images, channels, side.
SHAPES = {"cpu": (8, 256, 14), "cuda": (256, 2048, 14)}


@claim("C15", expect="same", margin=0.05)
def bench_global_pooling(compare, device):
    images, channels, side = SHAPES[device.type]
    x = torch.randn(images, channels, side, side, device=device)
    compare(
        baseline=lambda: functional.adaptive_avg_pool2d(x, 1).flatten(1),
        mean=lambda: x.mean((2, 3)),
        mean_of_rows=lambda: x.flatten(2).mean(2),
        same=torch.testing.assert_close,
        items=images,
        bytes=x.nbytes,
    )
