"""Ceilings of computing: matrix products in every arithmetic of a device, and how fast kernels can be
launched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch

from harness.ceilings.steady import steady_seconds
from harness.model import Ceiling
from harness.model.ceiling import LAUNCH, gemm

SIDES = {"cpu": (512, 1024, 2048, 4096), "cuda": (2048, 4096, 8192, 16384)}
ARITHMETIC = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "tf32", "fp16", "bf16")}
DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

LONGEST_PRODUCT = {"cpu": 0.15, "cuda": 0.5}
"""Seconds that a product may be expected to take. A longer one keeps all cores busy at half its size already,
and with emulated half precision a large one would take many seconds."""

Seconds = Callable[..., float]


def products(device: torch.device, seconds: Seconds = steady_seconds) -> Iterator[Ceiling]:
    """Square matrix products of random numbers, by arithmetic and side."""
    longest = LONGEST_PRODUCT[device.type]
    for precision in ARITHMETIC[device.type]:
        side_before, last = 0, 0.0
        for side in SIDES[device.type]:
            if (side_before and last * (side / side_before) ** 3 > longest) or not _fits(
                3 * side**2 * DTYPES[precision].itemsize, device
            ):
                break
            left, right = torch.randn(2, side, side, device=device, dtype=DTYPES[precision])
            product = torch.empty_like(left)
            with tf32(precision == "tf32"):
                last = seconds(partial(torch.mm, left, right, out=product), device)
            side_before = side
            yield Ceiling(gemm(precision), 2 * side**3 / last, "FLOP/s", f"{side} x {side}", device.type)


def launches(device: torch.device, seconds: Seconds = steady_seconds) -> Iterator[Ceiling]:
    """The smallest kernel, over and over."""
    one = torch.zeros(1, device=device)
    yield Ceiling(LAUNCH, 1 / seconds(partial(one.add_, 1), device), "1/s", "add_ of one number", device.type)


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Let float32 products round to TensorFloat-32, or forbid it, until the end."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if on else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _fits(wanted: int, device: torch.device) -> bool:
    return 2 * wanted <= free_bytes(device)


def free_bytes(device: torch.device) -> int:
    """Bytes that may still be allocated on the device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)
