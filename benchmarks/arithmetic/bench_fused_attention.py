"""scaled_dot_product_attention is faster than softmax(QK^T)V in steps.

Why: A fused kernel never writes the matrix of all pairs of tokens. What it saves grows with the length of the
sequence.

Source: today's folklore; PyTorch's documentation.
"""

import pytest
import torch
from torch.nn import functional

from harness import claim
from support.accuracy import within

# Sequences, heads, features of a head; tokens.
SHAPES = {"cpu": (2, 4, 32), "cuda": (8, 16, 64)}
TOKENS = {"cpu": {"short": 64, "long": 512}, "cuda": {"short": 128, "long": 4096}}


@claim("C20", expect="lower")
@pytest.mark.parametrize("length", ["short", "long"])
def bench_fused_attention(compare, device, length):
    tokens = TOKENS[device.type][length]
    sequences, heads, features = SHAPES[device.type]
    q, k, v = torch.randn(3, sequences, heads, tokens, features, device=device)

    def in_steps(q, k, v):
        return (q @ k.transpose(-2, -1) / features**0.5).softmax(-1) @ v

    compare(
        baseline=lambda: in_steps(q, k, v),
        fused=lambda: functional.scaled_dot_product_attention(q, k, v),
        same=within(5e-3),
        reference=lambda: in_steps(q.double(), k.double(), v.double()),
        items=sequences * tokens,
        flops=4 * sequences * heads * tokens**2 * features,
    )
