"""Drawing live curves with Visdom costs nothing.

Why: Each point is a request to the server, which the step waits for: milliseconds, even on one machine.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch.nn import functional

from harness import claim, prepared
from support.logged_epoch import logged_epoch

STEPS = 10
# Samples, features.
SHAPES = {"cpu": (64, 256), "cuda": (4096, 1024)}


@claim("V2", expect="same", margin=0.05, needs="visdom")
def bench_visdom(compare, device):
    from support.visdom_server import visdom_client

    samples, features = SHAPES[device.type]
    x, target = torch.randn(2, samples, features, device=device)
    weight = (torch.randn(features, features, device=device) / features**0.5).requires_grad_()

    def train():
        loss = functional.mse_loss(functional.linear(x, weight).tanh(), target)
        torch.autograd.grad(loss, weight)
        return loss

    def drawing(every):
        return visdom_client(
            lambda point: (
                lambda: logged_epoch(train, STEPS, lambda step, loss: step % every or point(step, loss))
            )
        )

    compare(
        baseline=lambda: logged_epoch(train, STEPS),
        every_step=prepared(drawing, 1),
        every_10_steps=prepared(drawing, 10),
        same=torch.testing.assert_close,
        items=STEPS * samples,
    )
