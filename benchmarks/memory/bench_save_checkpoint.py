"""Saving a checkpoint every epoch costs nothing.

Why: torch.save keeps the step waiting until all is written. A thread that saves a copy needs a core of its
own, and time for the copy.

Source: PyTorch cookbooks, 2019-2020.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from tempfile import TemporaryDirectory

import torch
from torch import nn
from torch.nn import functional

from harness import claim, prepared

STEPS = 10
# Samples, features.
SHAPES = {"cpu": (64, 256), "cuda": (4096, 2048)}


@claim("M13", expect="same", margin=0.05)
def bench_save_checkpoint(compare, device):
    samples, features = SHAPES[device.type]
    x, target = torch.randn(2, samples, features, device=device)
    net = nn.Sequential(*(nn.Linear(features, features) for _ in range(4))).to(device)

    def epoch():
        for _ in range(STEPS):
            net.zero_grad()
            functional.mse_loss(net(x), target).backward()
        return [parameter.grad for parameter in net.parameters()]

    @contextmanager
    def saving(in_thread):
        with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:

            def save_and_train():
                if not in_thread:
                    torch.save(net.state_dict(), f"{folder}/state.pt")
                    return epoch()
                saved = thread.submit(torch.save, deepcopy(net.state_dict()), f"{folder}/state.pt")
                found = epoch()
                saved.result()  # what is still to be saved is part of this epoch
                return found

            yield save_and_train

    compare(
        baseline=epoch,
        saved=prepared(saving, in_thread=False),
        saved_in_thread=prepared(saving, in_thread=True),
        same=torch.testing.assert_close,
        items=STEPS * samples,
    )
