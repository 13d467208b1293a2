"""How float32 is multiplied, for as long as a context is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """The precision of matrix products: highest, high or medium."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Whether matrix products and convolutions round to TF32."""
    before = torch.backends.cudnn.allow_tf32
    with matmul_precision("high" if on else "highest"):
        torch.backends.cudnn.allow_tf32 = on
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = before
