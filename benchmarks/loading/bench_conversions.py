"""Pillow images become tensors at the same cost by to_tensor and from_numpy, and sooner if they stay uint8.

Why: to_tensor copies, reorders and scales. Those that keep uint8 move a quarter of the bytes; a view that
stays in height x width x channels moves none.

Source: PyTorch cookbooks, 2019-2020.
"""

import numpy as np
import torch
from PIL import Image

from harness import claim

SIDE = 256


def same(expected, got):
    """Equal values, whatever their type and order of axes."""
    values = got.permute(2, 0, 1) if got.shape[-1] == 3 else got
    scaled = values / 255 if values.dtype == torch.uint8 else values
    return torch.allclose(scaled, expected)


@claim("V8", expect="same", margin=0.05)
def bench_conversions(compare):
    from torchvision.transforms.functional import pil_to_tensor, to_tensor  # takes seconds

    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    compare(
        baseline=lambda: to_tensor(image),
        from_numpy=lambda: torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255),
        pil_to_tensor=lambda: pil_to_tensor(image),
        array_uint8=lambda: torch.from_numpy(np.array(image)),
        same=same,
        items=1,
        expect={"pil_to_tensor": "lower", "array_uint8": "lower"},
    )
