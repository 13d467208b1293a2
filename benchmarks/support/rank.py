"""One rank of a distributed training job; torchrun starts it with a port, a device and the name of a job."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable

import torch
from torch import distributed, nn
from torch.nn import functional

CALL, SIZE = b"c", 8
"""What asks for a call, and the bytes of the length of a reply: the parameters from rank 0, nothing from
others."""

STEPS = 5
"""Training steps of one call."""

# Samples of the whole batch, features, layers.
SHAPES = {"cpu": (256, 128, 3), "cuda": (16384, 2048, 6)}


def network(device: str) -> nn.Module:
    """The same network on every rank."""
    torch.manual_seed(0)
    _, features, layers = SHAPES[device]
    return nn.Sequential(
        *(part for _ in range(layers) for part in (nn.Linear(features, features), nn.BatchNorm1d(features)))
        if device == "cuda"
        else (part for _ in range(layers) for part in (nn.Linear(features, features), nn.GELU()))
    )


def batch(device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of the whole batch, the same on every rank."""
    samples, features, _ = SHAPES[device]
    numbers = torch.Generator().manual_seed(1)
    return torch.randn(samples, features, generator=numbers), torch.randn(
        samples, features, generator=numbers
    )


def training(net: nn.Module, x: torch.Tensor, target: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
    """A call of `STEPS` steps; each call begins with the same parameters, so that its result is the same."""
    parameters = list(net.parameters())
    start = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.SGD(parameters, lr=0.01)

    def call() -> list[torch.Tensor]:
        with torch.no_grad():
            for parameter, value in zip(parameters, start, strict=True):
                parameter.copy_(value)
        for _ in range(STEPS):
            optimizer.zero_grad()
            functional.mse_loss(net(x), target).backward()
            optimizer.step()
        return [parameter.detach() for parameter in parameters]

    return call


def data_parallel(device: str, rank: int, ranks: int) -> Callable[[], list[torch.Tensor]]:
    """DistributedDataParallel on this rank's share of the batch."""
    where = torch.device(device, rank) if device == "cuda" else torch.device(device)
    net = network(device).to(where)
    x, target = (whole.chunk(ranks)[rank].to(where) for whole in batch(device))
    return training(nn.parallel.DistributedDataParallel(net), x, target)


def synchronised_norm(device: str, rank: int, ranks: int) -> Callable[[], list[torch.Tensor]]:
    """The same with batch norm over the whole batch."""
    where = torch.device(device, rank)
    net = nn.SyncBatchNorm.convert_sync_batchnorm(network(device)).to(where)
    x, target = (whole.chunk(ranks)[rank].to(where) for whole in batch(device))
    return training(nn.parallel.DistributedDataParallel(net), x, target)


JOBS = {job.__name__: job for job in (data_parallel, synchronised_norm)}


def main(port: int, device: str, job: str) -> None:
    """Take calls over a connection to that port of this machine, until it is closed."""
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    call = JOBS[job](device, rank, ranks)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while connection.recv(len(CALL)):
            found, written = call(), io.BytesIO()
            if rank == 0:
                torch.save([each.cpu() for each in found], written)
            content = written.getvalue()
            connection.sendall(len(content).to_bytes(SIZE, "big") + content)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4])
