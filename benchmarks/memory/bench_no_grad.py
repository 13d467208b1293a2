"""torch.no_grad() saves memory in inference; eval() alone does not.

Why: Without no_grad every layer's input is kept for a backward pass that never comes. eval() changes what
dropout and batch norm do, and nothing about the graph.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch import nn

from harness import claim, variant

# Samples, features.
SHAPES = {"cpu": (512, 256), "cuda": (16384, 2048)}


@claim("M7", metric="peak_bytes", expect="lower")
def bench_no_grad(compare, device):
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device)
    net = nn.Sequential(*(layer for _ in range(4) for layer in (nn.Linear(features, features), nn.GELU())))
    net.to(device)

    def forward(training):
        return lambda: net.train(training)(x).detach()

    compare(
        baseline=forward(True),
        no_grad=variant(forward(True), around=torch.no_grad),
        inference_mode=variant(forward(True), around=torch.inference_mode),
        eval_alone=forward(False),
        same=torch.testing.assert_close,
        items=samples,
        expect={"eval_alone": "same"},
    )
