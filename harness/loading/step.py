"""The training step that a loader feeds: loading is judged in the loop it serves, not alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TrainingStep:
    """One SGD step on a batch; returns the loss, detached.

    On a GPU photographs go through ResNet-18. On a CPU that would dwarf any loader, so there a linear classifier
    learns from pooled pixels. Tiny grey images get a linear classifier everywhere.
    """

    def __init__(self, device: torch.device, classes: int = 1000) -> None:
        self.device = device
        self.classes = classes
        self._trained: dict[int, tuple[nn.Module, torch.optim.Optimizer]] = {}

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Step on images [n, channels, height, width] and labels [n], both on the device."""
        model, optimizer = self._model(images.shape[1])
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()

    def _model(self, channels: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        if channels not in self._trained:
            model = self._made(channels).to(self.device)
            self._trained[channels] = (model, torch.optim.SGD(model.parameters(), lr=1e-3))
        return self._trained[channels]

    def _made(self, channels: int) -> nn.Module:
        if channels == 3 and self.device.type == "cuda":
            from torchvision.models import resnet18

            return resnet18(num_classes=self.classes)  # type: ignore[no-any-return]
        return nn.Sequential(nn.AdaptiveAvgPool2d(14), nn.Flatten(), nn.Linear(channels * 14 * 14, self.classes))
