"""Static graphs are faster than dynamic ones: torch.compile, CUDA graphs, torch.jit.trace.

Why: Compiled code fuses small operations, and a CUDA graph launches all of them at once. Compiling takes
seconds, which a short job does not earn back; the report says after how many iterations it has.

Source: PyTorch cookbooks, 2019-2020; today's folklore.
"""

import torch

from harness import Unavailable, claim, prepared
from support.compiled import compiled, no_compiler
from support.networks import GatedBlock

# Samples, features.
SHAPES = {"cpu": (256, 256), "cuda": (4096, 1024)}


@claim("C8", expect="lower", time_limit=300)
def bench_static_graphs(compare, device):
    samples, features = SHAPES[device.type]
    x = torch.randn(samples, features, device=device)
    net = GatedBlock(features).to(device).requires_grad_(False)
    ways = {"compiled": lambda: torch.compile(net)}
    if device.type == "cuda":
        ways["cuda_graph"] = lambda: torch.compile(net, mode="reduce-overhead")
    reason = no_compiler()
    compare(
        baseline=lambda: net(x).clone(),
        traced=prepared(compiled, lambda: torch.jit.trace(net, x), x),
        **{name: Unavailable(reason) if reason else prepared(compiled, way, x) for name, way in ways.items()},
        same=lambda expected, got: torch.testing.assert_close(
            torch.Tensor(got), expected, rtol=1e-3, atol=1e-3
        ),
        items=samples,
    )
