"""Half precision is faster than float32, the more so the larger the work, at the price of accuracy.

Why: Half the bytes are moved, and tensor cores or AMX multiply them several times faster. A small batch is
bound by launches instead, and autocast adds casts.

Source: PyTorch cookbooks, 2019-2020.
"""

from copy import deepcopy
from functools import partial

import pytest
import torch

from harness import Unavailable, claim, prepared
from support.accuracy import within
from support.networks import flops_of, matrix_or_resnet50
from support.tf32 import tf32

# Batch and side: of the matrices, or of the images.
SIZES = {
    "cpu": {"gemm": (256, 512), "resnet50": (4, 64), "small_batch": (1, 64)},
    "cuda": {"gemm": (8192, 8192), "resnet50": (128, 224), "small_batch": (1, 224)},
}
# So many rows or images, the last ones, are held against float64: all of them take a GPU a second in every
# process.
CHECKED = 16
HALVES = {"half": (torch.float16, "fp16"), "bfloat16": (torch.bfloat16, "bf16")}
NO_HALF = Unavailable("float16 is for GPUs: on the CPU bfloat16 is the half precision")


@claim("C2", expect="lower", time_limit=180.0)
@pytest.mark.parametrize("mode", ["tf32_off", "tf32_on"])
@pytest.mark.parametrize("work", ["gemm", "resnet50", "small_batch"])
def bench_half_precision(compare, device, work, mode):
    if device.type == "cpu" and mode == "tf32_on":
        pytest.skip("TF32 is a mode of CUDA tensor cores; the CPU has none")
    batch, side = SIZES[device.type][work]
    x = torch.randn((batch, side) if work == "gemm" else (batch, 3, side, side), device=device)
    net = matrix_or_resnet50(work, x)
    around = partial(tf32, mode == "tf32_on")

    def cast(dtype):
        return torch.inference_mode()(partial(deepcopy(net).to(dtype), x.to(dtype)))

    def exact():
        return torch.inference_mode()(deepcopy(net).double())(x[-CHECKED:].double())

    def autocast(dtype):
        return torch.inference_mode()(torch.autocast(device.type, dtype)(partial(net, x)))

    variants = {"baseline": prepared(cast, torch.float32, around=around)}
    precision = {"baseline": "tf32" if mode == "tf32_on" else "fp32"}
    for way, make in (("", cast), ("autocast_", autocast)):
        for name, (dtype, arithmetic) in HALVES.items():
            here = device.type == "cuda" or name != "half"
            variants[way + name] = prepared(make, dtype, around=around) if here else NO_HALF
            precision[way + name] = arithmetic
    flops = flops_of(net, x)
    compare(**variants, reference=exact, same=within(0.1), items=batch, flops=flops, precision=precision)
