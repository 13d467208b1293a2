"""set_float32_matmul_precision("high") makes matrix products faster.

Why: Products of float32 then run on tensor cores as TF32, with 10 bits of mantissa, or as sums of bfloat16.
Cards before Ampere have neither.

Source: today's folklore; PyTorch's documentation.
"""

from functools import partial

import torch

from harness import claim, variant
from support.accuracy import within
from support.tf32 import matmul_precision

SIDES = {"cpu": 256, "cuda": 4096}


@claim("C19", expect="lower", needs="cuda")
def bench_matmul_precision(compare, device):
    side = SIDES[device.type]
    a, b = torch.randn(2, side, side, device=device)
    compare(
        **{
            name: variant(lambda: a @ b, around=partial(matmul_precision, level))
            for name, level in (("baseline", "highest"), ("high", "high"), ("medium", "medium"))
        },
        same=within(2e-2),
        reference=lambda: a.double() @ b.double(),
        flops=2 * side**3,
        precision={"baseline": "fp32", "high": "tf32", "medium": "bf16"},
    )
