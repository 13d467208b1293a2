"""Choosing the backend of scaled_dot_product_attention by hand makes it faster.

Why: torch chooses by shapes, types and the card, and chooses well where it knows the card. Newer cards have
backends that it does not prefer yet.

Source: today's folklore; PyTorch's documentation.
"""

from functools import partial

import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness import Unavailable, claim, variant
from support.accuracy import within

# Sequences, heads, features of a head; tokens.
SHAPES = {"cpu": (2, 4, 32), "cuda": (8, 16, 64)}
TOKENS = {"cpu": {"short": 64, "long": 512}, "cuda": {"short": 128, "long": 4096}}
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


@claim("F11", expect="lower")
@pytest.mark.parametrize("length", ["short", "long"])
def bench_attention_backends(compare, device, length):
    sequences, heads, features = SHAPES[device.type]
    half = torch.float32 if device.type == "cpu" else torch.bfloat16
    shape = (3, sequences, heads, TOKENS[device.type][length], features)
    q, k, v = torch.randn(shape, device=device, dtype=half)

    def attention():
        return functional.scaled_dot_product_attention(q, k, v)

    def chosen(backend):
        try:
            with sdpa_kernel(backend):
                attention()
        except RuntimeError as error:
            return Unavailable(str(error).splitlines()[0])
        return variant(attention, around=partial(sdpa_kernel, backend))

    compare(
        baseline=attention,
        **{name: chosen(backend) for name, backend in BACKENDS.items()},
        same=within(2e-2),
        reference=lambda: functional.scaled_dot_product_attention(q.double(), k.double(), v.double()),
        items=sequences * TOKENS[device.type][length],
    )
