"""Loading a checkpoint memory-mapped, or to the CPU first, spares a GPU's memory.

Why: torch.load copies every tensor of the file to the device that it was saved from, beside the model's own.
On a CPU a mapped file counts as memory as much as a copy of it does.

Source: PyTorch cookbooks, 2019-2020; torch.load's documentation.
"""

from contextlib import contextmanager
from tempfile import TemporaryDirectory

import torch
from torch import nn

from harness import claim, prepared

LAYERS = 4
FEATURES = {"cpu": 256, "cuda": 2048}


@contextmanager
def loading(net, **how):
    with TemporaryDirectory() as folder:
        torch.save(net.state_dict(), f"{folder}/state.pt")

        def load():
            net.load_state_dict(torch.load(f"{folder}/state.pt", weights_only=True, **how))
            return [parameter.detach() for parameter in net.parameters()]

        yield load


@claim("M9", metric="peak_bytes", expect="lower")
def bench_load_state(compare, device):
    features = FEATURES[device.type]
    net = nn.Sequential(*(nn.Linear(features, features) for _ in range(LAYERS))).to(device)
    to_cpu = {"to_cpu": prepared(loading, net, map_location="cpu")} if device.type != "cpu" else {}
    compare(
        baseline=prepared(loading, net),
        mmap=prepared(loading, net, map_location="cpu", mmap=True),
        **to_cpu,
        same=torch.testing.assert_close,
        expect="lower" if to_cpu else "same",
    )
