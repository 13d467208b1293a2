"""Static graphs are faster than dynamic ones: torch.compile, CUDA graphs, torch.jit.trace.

Why: Compiled code fuses small operations, and a CUDA graph launches all of them at once. Compiling takes
seconds, which a short job does not earn back; compile_seconds in the run's samples says how long.

Source: PyTorch cookbooks, 2019-2020; today's folklore.
"""

from contextlib import contextmanager
from shutil import which
from time import perf_counter

import torch
from torch import nn

from harness import Unavailable, claim, prepared

# Samples, features.
SHAPES = {"cpu": (256, 256), "cuda": (4096, 1024)}


class Net(nn.Module):
    """A gated layer: products of matrices, and small operations between them."""

    def __init__(self, features):
        super().__init__()
        self.up, self.gate = nn.Linear(features, features), nn.Linear(features, features)
        self.norm = nn.LayerNorm(features)

    def forward(self, x):
        """As many features as in x."""
        return self.norm(x + torch.tanh(self.up(x)) * torch.sigmoid(self.gate(x)) * 0.5).clamp(-3, 3)


@claim("C8", expect="lower", time_limit=120)
def bench_static_graphs(compare, device):
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device)
    net = Net(features).to(device).requires_grad_(False)

    @contextmanager
    def made(make):
        start = perf_counter()
        static = make()
        static(x)
        seconds = perf_counter() - start

        def run():
            result = static(x).clone()  # a CUDA graph writes into the same memory again
            result.readings = {"compile_seconds": seconds}
            return result

        yield run

    compiled = {"compiled": prepared(made, lambda: torch.compile(net))}
    if device.type == "cuda":
        compiled["cuda_graph"] = prepared(made, lambda: torch.compile(net, mode="reduce-overhead"))
    no_compiler = Unavailable("torch.compile needs a C++ compiler, and there is no c++ on the path")
    compare(
        baseline=lambda: net(x).clone(),
        traced=prepared(made, lambda: torch.jit.trace(net, x)),
        **(compiled if which("c++") else dict.fromkeys(compiled, no_compiler)),
        same=lambda expected, got: torch.testing.assert_close(
            torch.Tensor(got), expected, rtol=1e-3, atol=1e-3
        ),
        items=samples,
    )
