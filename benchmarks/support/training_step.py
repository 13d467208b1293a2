"""The training step that a loader feeds: loading is judged in the loop it serves, not alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

COARSE = 14
"""Side of the picture that the linear classifier sees, in pixels."""

RATE = 1e-3
"""The learning rate."""


class TrainingStep:
    """One SGD step on a batch; returns the loss, detached.

    On a GPU photographs go through ResNet-18. On a CPU that would dwarf any loader, so there a
    linear classifier learns from a coarse picture, on one thread. Tiny grey images get a linear
    classifier everywhere.
    """

    def __init__(self, device: torch.device, classes: int = 1000) -> None:
        self.device = device
        self.classes = classes
        self._trained: dict[int, nn.Module] = {}

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Step on images [n, channels, height, width] and labels [n], both on the device."""
        if self.device.type != "cpu":
            return self._step(images, labels)
        # On the CPU the step stands for work that is done elsewhere: the cores are the loader's.
        # Idle OpenMP threads spin, too, and beside busy workers each barrier would cost a time
        # slice.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._step(images, labels)
        finally:
            torch.set_num_threads(threads)

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        model = self._model(images.shape[1])
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        # Plain SGD by hand: the first optimizer of torch.optim imports torch's compiler, which takes a
        # second.
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=-RATE)
                    parameter.grad = None
        return loss.detach()

    def _model(self, channels: int) -> nn.Module:
        if channels not in self._trained:
            self._trained[channels] = self._made(channels).to(self.device)
        return self._trained[channels]

    def _made(self, channels: int) -> nn.Module:
        if channels == 3 and self.device.type == "cuda":
            from torchvision.models import resnet18

            return resnet18(num_classes=self.classes)  # type: ignore[no-any-return]
        return nn.Sequential(_Coarse(), nn.Flatten(), nn.Linear(channels * COARSE * COARSE, self.classes))


class _Coarse(nn.Module):
    """Every n-th pixel: averaging them all would be spread over threads, which spin beside busy workers."""

    def forward(self, images: Tensor) -> Tensor:
        """Images [n, channels, height, width] to [n, channels, 14, 14]; sides must be multiples of 14."""
        height, width = images.shape[-2] // COARSE, images.shape[-1] // COARSE
        return images[..., ::height, ::width]
