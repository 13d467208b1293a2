"""The memory format channels_last makes plain convolutions faster, and depthwise ones slower.

Why: Kernels that work along channels read contiguous memory then, as tensor cores and oneDNN do. Depthwise
convolutions have one channel a group: on a GPU they lose, and on a CPU they gain as well.

Source: today's folklore; PyTorch's performance tuning guide.
"""

import pytest
import torch
from torch import nn

from harness import claim, variant

# Images, channels, side.
SHAPES = {"cpu": (4, 32, 32), "cuda": (64, 256, 56)}


@claim("C18", expect="lower")
@pytest.mark.parametrize("precision", ["float32", "amp"])
@pytest.mark.parametrize("convolution", ["plain", "depthwise"])
def bench_channels_last(compare, device, convolution, precision):
    images, channels, side = SHAPES[device.type]
    groups = channels if convolution == "depthwise" else 1
    x = torch.randn(images, channels, side, side, device=device)
    layers = [nn.Conv2d(channels, channels, 3, padding=1, groups=groups, device=device) for _ in range(3)]
    first = nn.Sequential(*layers).requires_grad_(False)
    last = nn.Sequential(
        *(nn.Conv2d(channels, channels, 3, padding=1, groups=groups, device=device) for _ in range(3))
    ).requires_grad_(False)
    last.load_state_dict(first.state_dict())
    last.to(memory_format=torch.channels_last)
    x_last = x.to(memory_format=torch.channels_last)
    half = torch.bfloat16 if device.type == "cpu" else torch.float16

    def autocast():
        return torch.autocast(device.type, dtype=half, enabled=precision == "amp")

    compare(
        baseline=variant(lambda: first(x), around=autocast),
        channels_last=variant(lambda: last(x_last), around=autocast),
        same=lambda expected, got: torch.testing.assert_close(
            got, expected, rtol=5e-2, atol=5e-2 if precision == "amp" else 1e-3
        ),
        items=images,
        expect="lower" if convolution == "plain" else "higher",
    )
