"""scatter_ makes one-hot vectors of floats faster than one_hot does.

Why: functional.one_hot counts in int64, twice the bytes of float32, and looks for the largest label where the
number of classes is not given. The result is converted then.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch.nn import functional

from harness import claim

# Labels, classes.
SHAPES = {"cpu": (1024, 100), "cuda": (65536, 1000)}


@claim("C7", expect="lower")
def bench_one_hot(compare, device):
    count, classes = SHAPES[device.type]
    labels = torch.randint(classes, (count,), device=device)

    compare(
        baseline=lambda: functional.one_hot(labels, classes).float(),
        scatter=lambda: torch.zeros(count, classes, device=device).scatter_(1, labels[:, None], 1.0),
        same=torch.equal,
        items=count,
    )
