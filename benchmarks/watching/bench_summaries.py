"""A sum over its parameters counts them faster than a summary of every layer does.

Why: torchinfo runs a forward pass with a hook for each layer; the count itself is a sum over the parameters.

Source: PyTorch cookbooks, 2019-2020, which teach pytorch-summary.
"""

import torch
from torch import nn

from harness import claim

SHAPE = (1, 3, 32, 32)


@claim("V5", expect="lower", margin=0.05, needs="torchinfo")
def bench_summaries(compare):
    import torchinfo

    layers = [nn.Conv2d(3, 16, 3, padding=1), *(nn.Conv2d(16, 16, 3, padding=1) for _ in range(8))]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 32 * 32, 10))
    x = torch.randn(SHAPE)

    def by_hooks():
        counts = []
        handles = [
            layer.register_forward_hook(
                lambda layer, *_: counts.append(sum(each.numel() for each in layer.parameters()))
            )
            for layer in net
        ]
        with torch.no_grad():
            net(x)
        for handle in handles:
            handle.remove()
        return sum(counts)

    compare(
        baseline=lambda: torchinfo.summary(net, SHAPE, verbose=0, device="cpu").total_params,
        hooks=by_hooks,
        summed=lambda: sum(parameter.numel() for parameter in net.parameters()),
        same=lambda expected, got: got == expected,
    )
