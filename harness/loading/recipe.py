"""What is done to an image between file and batch: the recipe all loader kinds share, in torchvision's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIZE = 224
RESIZED = 256
AREA = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

Transform = Callable[[Any], Any]


def augmented() -> Transform:
    """PIL image to float32 [3, 224, 224]: random crop, random flip, normalised; the usual recipe for training."""
    from torchvision import transforms

    made: Transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIZE, scale=AREA, ratio=RATIO),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return made


def fixed() -> Transform:
    """PIL image to float32 [3, 224, 224] with nothing random: shorter side to 256, centre crop, normalised."""
    from torchvision import transforms

    made: Transform = transforms.Compose(
        [
            transforms.Resize(RESIZED),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return made
