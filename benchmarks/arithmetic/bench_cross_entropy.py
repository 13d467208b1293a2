"""CrossEntropyLoss costs the same as log_softmax and NLLLoss, and its label smoothing less than one by hand.

Why: It calls the same two operations. Label smoothing by hand writes a full distribution for each sample
first.

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch
from torch.nn import functional

from harness import claim

# Samples, classes.
SHAPES = {"cpu": (512, 1000), "cuda": (16384, 8192)}
SMOOTHING = 0.1


@claim("C14", expect="same", margin=0.05)
@pytest.mark.parametrize("labels", ["hard", "smoothed"])
def bench_cross_entropy(compare, device, labels):
    samples, classes = SHAPES[device.type]
    scores = torch.randn(samples, classes, device=device, requires_grad=True)
    target = torch.randint(classes, (samples,), device=device)

    def in_steps():
        logs = functional.log_softmax(scores, 1)
        if labels == "hard":
            return functional.nll_loss(logs, target)
        wanted = torch.full_like(logs, SMOOTHING / classes)
        wanted.scatter_(1, target[:, None], 1 - SMOOTHING + SMOOTHING / classes)
        return -(wanted * logs).sum(1).mean()

    def fused():
        smoothing = SMOOTHING if labels == "smoothed" else 0.0
        return functional.cross_entropy(scores, target, label_smoothing=smoothing)

    def step(loss):
        return lambda: [*torch.autograd.grad(found := loss(), scores), found.detach()]

    compare(
        baseline=step(in_steps),
        cross_entropy=step(fused),
        same=torch.testing.assert_close,
        items=samples,
        expect="same" if labels == "hard" else "lower",
    )
