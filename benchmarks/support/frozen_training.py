"""Training that never changes the network, so that batches of any size can be compared sample by sample."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Indexed(Sized, Protocol):
    """A dataset of (image, label, id)."""

    def __getitem__(self, place: int) -> Any: ...


class FrozenTraining:
    """Trains on the first ``samples`` of a dataset, held on the device, at a learning rate of 0.

    A step costs what it costs, and every batch meets the same network: ResNet-18 on a GPU, a small
    convolutional one for images of 28 x 28 on a CPU. A dataset with fewer samples comes round
    again.
    """

    def __init__(self, dataset: Indexed, samples: int, device: torch.device) -> None:
        held = [dataset[place] for place in range(min(samples, len(dataset)))]
        images, labels, _ = torch.utils.data.default_collate(
            [held[place % len(held)] for place in range(samples)]
        )
        self.images, self.labels = images.to(device), labels.to(device)
        self.network = _network(device, images.shape[1], classes=max(10, int(labels.max()) + 1))
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.0)

    def __call__(self, batch_size: int) -> Tensor:
        """One epoch in batches of that size; every sample's output [samples, classes]."""
        outputs = []
        for images, labels in zip(self.images.split(batch_size), self.labels.split(batch_size), strict=True):
            self.optimizer.zero_grad()
            output = self.network(images)
            nn.functional.cross_entropy(output, labels).backward()
            self.optimizer.step()
            outputs.append(output.detach())
        return torch.cat(outputs)


def _network(device: torch.device, channels: int, classes: int) -> nn.Module:
    if device.type == "cuda":
        from torchvision.models import resnet18

        # Normalised by its own batch, a sample's output would depend on its neighbours.
        network: nn.Module = resnet18(num_classes=classes).to(device).eval()
        return network
    pool = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    first, second = nn.Conv2d(channels, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
    return nn.Sequential(first, pool, second, pool, nn.Flatten(), nn.Linear(8 * 7 * 7, classes))
