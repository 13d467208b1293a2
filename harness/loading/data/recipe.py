"""What is done to an image between file and batch: the recipe all loader kinds share, in torchvision's words.

It comes in two sorts, `augmented` for training and `fixed` with nothing random, each with
torchvision's transforms v1 (on Pillow's images) and v2 (on those or on tensors), and with v2 also
without its floating-point end, which `normaliser` then does on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SIZE = 224
RESIZED = 256
AREA = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

Transform = Callable[[Any], Any]


def augmented() -> Transform:
    """PIL image to float32 [3, 224, 224]: random crop, random flip, normalised; the usual recipe
    for training.
    """
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
    """PIL image to float32 [3, 224, 224] with nothing random: shorter side to 256, centre crop,
    normalised.
    """
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


def augmented_v2(*, floats: bool = True) -> Transform:
    """As `augmented` by transforms v2, from a PIL image or a uint8 tensor [3, height, width].

    Without ``floats`` the result stays uint8 [3, 224, 224], neither scaled nor normalised.
    """
    from torchvision.transforms import v2

    crop = v2.RandomResizedCrop(SIZE, scale=AREA, ratio=RATIO, antialias=True)
    return _v2([crop, v2.RandomHorizontalFlip()], floats=floats)


def fixed_v2(*, floats: bool = True) -> Transform:
    """As `fixed` by transforms v2, from a PIL image or a uint8 tensor [3, height, width];
    ``floats`` as there.
    """
    from torchvision.transforms import v2

    return _v2([v2.Resize(RESIZED, antialias=True), v2.CenterCrop(SIZE)], floats=floats)


def _v2(geometry: list[Any], *, floats: bool) -> Transform:
    import torch
    from torchvision.transforms import v2

    ending = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)] if floats else []
    made: Transform = v2.Compose([*geometry, v2.PILToTensor(), *ending])
    return made


def normaliser(device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """What makes float32 of uint8 images [n, 3, height, width] on ``device``, scaled and normalised.

    Its constants are on the device already: torchvision's own copies them there for every batch,
    and waits for that.
    """
    import torch

    mean, scale = (
        torch.tensor(values, device=device).reshape(3, 1, 1)
        for values in ([255 * mean for mean in MEAN], [1 / (255 * std) for std in STD])
    )
    return lambda images: images.sub(mean).mul_(scale)
