"""The same crop at either end of a recipe: of the picture, or of the normalised tensor it has become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.loading.data.recipe import MEAN, RESIZED, SIZE, STD, Transform


def crop_first(resized: bool) -> Transform:
    """PIL image to float32 [3, 224, 224]: the centre is cut out before anything is converted.

    ``resized`` brings the shorter side to 256 before; otherwise only what is smaller than the crop
    is enlarged.
    """
    from torchvision.transforms import CenterCrop

    return _composed(_scaled(resized), CenterCrop(SIZE), *_converted())


def crop_last(resized: bool) -> Transform:
    """As `crop_first`, but the whole picture is converted and normalised, and the centre cut out of
    the result.
    """
    from torchvision.transforms import CenterCrop

    return _composed(_scaled(resized), *_converted(), CenterCrop(SIZE))


def large_enough(picture: Any) -> Any:
    """The PIL image itself, enlarged where its shorter side is less than 224: a crop would be padded."""
    from torchvision.transforms import functional

    return picture if min(picture.size) >= SIZE else functional.resize(picture, SIZE)


def _scaled(resized: bool) -> Callable[[Any], Any]:
    from torchvision.transforms import Resize

    return Resize(RESIZED) if resized else large_enough


def _converted() -> tuple[Transform, Transform]:
    from torchvision.transforms import Normalize, ToTensor

    return ToTensor(), Normalize(MEAN, STD)


def _composed(*parts: Callable[[Any], Any]) -> Transform:
    from torchvision.transforms import Compose

    made: Transform = Compose(list(parts))
    return made
