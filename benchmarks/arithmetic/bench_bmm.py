"""One batched product (torch.bmm) is faster than a loop of matrix products.

Why: A loop pays the price of a call for each matrix. Large matrices hide it.

Source: PyTorch cookbooks, 2019-2020.
"""

from functools import partial

import pytest
import torch

from harness import claim

# Batch and side of the matrices. The notes say small matrices gain: a large product fills the device on its
# own.
SIZES = {"cpu": {"small": (64, 16), "large": (4, 256)}, "cuda": {"small": (512, 32), "large": (16, 2048)}}


@claim("C4", expect="lower")
@pytest.mark.parametrize("size", ["small", "large"])
def bench_bmm(compare, device, size):
    batch, side = SIZES[device.type][size]
    a, b = torch.randn(2, batch, side, side, device=device)
    compare(
        baseline=lambda: torch.stack([torch.mm(left, right) for left, right in zip(a, b, strict=True)]),
        bmm=lambda: torch.bmm(a, b),
        matmul=lambda: torch.matmul(a, b),
        einsum=lambda: torch.einsum("bij,bjk->bik", a, b),
        # Sums of `side` products of standard normals: their rounding differs by the order of summation.
        same=partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5 * side),
        items=batch,
        bytes=3 * a.nbytes,
        flops=2 * batch * side**3,
    )
