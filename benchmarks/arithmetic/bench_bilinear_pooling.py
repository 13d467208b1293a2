"""Bilinear pooling through bmm(X, X^T) is faster than summing outer products, and spares the memory they
take.

Why: The outer products of all places are written before they are summed, height times width as much memory as
their sum.

Source: PyTorch cookbooks, 2019-2020; Lin et al., Bilinear CNN Models, 2015.
"""

import pytest
import torch
from torch.nn import functional

from harness import claim

# Images, channels, height x width of the features.
SHAPES = {"cpu": (4, 32, 49), "cuda": (32, 256, 196)}
TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 4e-2}


def pooled(products, places):
    """Signed square root and L2 norm of the mean product of every two channels: (N, D, D) -> (N, D, D)."""
    mean = products / places
    rooted = mean.sign() * (mean.abs() + 1e-5).sqrt()
    return functional.normalize(rooted.flatten(1)).view_as(rooted)


@claim("C5", expect="lower")
@pytest.mark.parametrize("precision", ["float32", "half"])
def bench_bilinear_pooling(compare, device, precision):
    half = torch.bfloat16 if device.type == "cpu" else torch.float16
    dtype = half if precision == "half" else torch.float32
    images, channels, places = SHAPES[device.type]
    # Rectified features, as behind a ReLU, half of the channels negated: every mean is well away from zero,
    # where a square root would magnify rounding, and both signs occur.
    x = torch.randn(images, channels, places, device=device).relu()
    x = (x * torch.tensor([1.0, -1.0], device=device).repeat(channels // 2)[:, None]).to(dtype)

    def same(expected, got):
        assert got.shape == (images, channels, channels), f"the shape is {tuple(got.shape)}"
        off = (got.double() - expected.double()).abs().max() / expected.double().abs().max()
        assert off <= TOLERANCE[dtype], f"the largest error is {off:.2g} of the largest value"

    compare(
        baseline=lambda: pooled((x[:, :, None] * x[:, None]).sum(-1), places),
        bmm=lambda: pooled(torch.bmm(x, x.transpose(1, 2)), places),
        einsum=lambda: pooled(torch.einsum("nip,njp->nij", x, x), places),
        same=same,
        items=images,
        flops=2 * images * channels**2 * places,
        precision={torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype],
    )
