"""FP8 makes linear layers faster than bfloat16, if they are large and compiled.

Why: Tensor cores multiply FP8 twice as fast, and its scale must be found in every input first. Eager code
reads the input once more for each step of that; compiled code fuses them. Three bits of mantissa are left.

Source: today's folklore; torchao's documentation.
"""

import pytest
import torch
from torch.nn import functional

from harness import Unavailable, claim, prepared
from support.accuracy import within
from support.compiled import compiled, no_compiler

# Rows, and the side of the weight.
SHAPES = {
    "cpu": {"small": (16, 32), "large": (64, 128)},
    "cuda": {"small": (64, 1024), "large": (16384, 8192)},
}
FP8 = torch.float8_e4m3fn
CHECKED = 16  # rows, the last ones, that are held against float64


def quantised(values):
    """In FP8, and what it is to be multiplied by."""
    scale = values.abs().amax().float() / torch.finfo(FP8).max
    return (values / scale).to(FP8), scale


@claim("F12", expect="lower", needs="cuda", time_limit=300)
@pytest.mark.parametrize("size", ["small", "large"])
def bench_fp8(compare, device, size):
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 9):
        pytest.skip("FP8 needs a GPU of compute capability 8.9 or later")
    rows, side = SHAPES[device.type][size]
    x = torch.randn(rows, side, device=device, dtype=torch.bfloat16)
    weight = torch.randn(side, side, device=device, dtype=torch.bfloat16) / side**0.5
    eight, scale = quantised(weight)
    whole = functional.ScalingType.TensorWise

    def fp8(given):
        ours, our_scale = quantised(given)
        return functional.scaled_mm(ours, eight.t(), our_scale, whole, scale, whole)

    reason = no_compiler()
    compare(
        baseline=lambda: functional.linear(x, weight).clone(),
        fp8=lambda: fp8(x).clone(),
        fp8_compiled=Unavailable(reason) if reason else prepared(compiled, lambda: torch.compile(fp8), x),
        reference=lambda: functional.linear(x[-CHECKED:].double(), weight.double()),
        same=within(0.1),
        items=rows,
        expect={"fp8": "higher"} if size == "small" else None,
    )
