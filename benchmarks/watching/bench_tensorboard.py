"""Logging to TensorBoard costs next to nothing.

Why: A scalar is a small record that a thread writes; reading it from the GPU waits for the step. Histograms
count all values of a layer, which takes as long as a small layer does.

Source: PyTorch cookbooks, 2019-2020.
"""

from contextlib import contextmanager
from tempfile import TemporaryDirectory

import torch
from torch import nn
from torch.nn import functional

from harness import claim, prepared
from support.logged_epoch import logged_epoch

STEPS = 20
# Samples, features.
SHAPES = {"cpu": (64, 256), "cuda": (4096, 1024)}


@claim("O1", expect="same", margin=0.05, needs="tensorboard")
def bench_tensorboard(compare, device):
    from torch.utils.tensorboard import SummaryWriter

    samples, features = SHAPES[device.type]
    x, target = torch.randn(2, samples, features, device=device)
    net = nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, features)).to(device)

    def train():
        net.zero_grad()
        loss = functional.mse_loss(net(x), target)
        loss.backward()
        return loss

    @contextmanager
    def logging(every, histograms=False):
        with TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

            def log(step, loss):
                if step % every == 0:
                    writer.add_scalar("loss", loss.item(), step)
                    if histograms:
                        writer.add_histogram("weight", net[0].weight, step)

            yield lambda: logged_epoch(train, STEPS, log)

    compare(
        baseline=lambda: logged_epoch(train, STEPS),
        every_step=prepared(logging, 1),
        every_20_steps=prepared(logging, 20),
        histograms=prepared(logging, 1, histograms=True),
        same=torch.testing.assert_close,
        items=STEPS * samples,
    )
