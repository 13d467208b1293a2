"""Decoders: from a file to an RGB image, or an error that names the file. Both take the same files.

Grey, palette, CMYK, RGBA and 16-bit files become RGB with 8 bits a channel: transparency is
dropped, and of 16 bits the upper eight are kept.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from harness.loading.data.folder import DataError

Decode = Callable[[str], Any]
"""From a path to what a recipe takes: a PIL image, or a uint8 tensor [3, height, width]."""

Decoded = TypeVar("Decoded")
P = ParamSpec("P")

_FILTERS = threading.Lock()
"""Held while warning filters are changed: they belong to the process, and loaders decode in several
threads."""


def despite_warnings(decode: Callable[P, Decoded], *arguments: P.args, **options: P.kwargs) -> Decoded:
    """What a decoder of torchvision's returns, also where warnings are errors.

    Since 0.29 each of its decoders announces at every call that it will be removed. Where that is
    an error, nothing was decoded yet, and the call is repeated without the warning.
    """
    try:
        return decode(*arguments, **options)
    except DeprecationWarning:
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return decode(*arguments, **options)


def with_pillow(path: str, content: bytes | None = None) -> Pillow.Image:
    """The file as an RGB image; raises DataError naming a file that cannot be read or decoded.

    ``content`` is what is in the file, where that has been read already.
    """
    try:
        with Pillow.open(path if content is None else io.BytesIO(content)) as image:
            if image.mode.startswith("I"):
                # Pillow would clip: whatever is above 255 of 65535 would be white.
                levels = np.asarray(image).astype(np.int64).clip(0, 65535) >> 8
                return Pillow.fromarray(levels.astype(np.uint8)).convert("RGB")
            return image.convert("RGB")
    except MemoryError:
        raise
    except Exception as error:
        # Which errors a damaged file raises is up to the part of Pillow that stumbles over it.
        raise _undecodable(path, error) from error


def with_torchvision(path: str, content: bytes | None = None) -> Tensor:
    """The file as a uint8 tensor [3, height, width], of the same values as Pillow's; raises
    DataError as that does.

    What torchvision's decoder refuses (TIFF, BMP, damaged files) or does not give as one 8-bit
    image (16-bit PNG, animations) goes to Pillow, so that both decode the same files.
    """
    from torchvision.io import ImageReadMode, decode_image

    try:
        encoded = (
            np.fromfile(path, np.uint8) if content is None else np.frombuffer(bytearray(content), np.uint8)
        )
    except OSError as error:
        raise _undecodable(path, error) from error
    try:
        pixels: Tensor = despite_warnings(decode_image, torch.from_numpy(encoded), ImageReadMode.RGB)
    except RuntimeError:
        return levels_of(with_pillow(path, content))
    if pixels.dtype != torch.uint8 or pixels.ndim != 3:
        return levels_of(with_pillow(path, content))
    limit = 2 * (Pillow.MAX_IMAGE_PIXELS or 0)
    if 0 < limit < pixels.shape[1] * pixels.shape[2]:
        raise _undecodable(
            path, ValueError(f"{pixels.shape[1] * pixels.shape[2]} pixels, above the limit of {limit}")
        )
    return pixels


def missing() -> str | None:
    """Why torchvision cannot decode here; None where it can. It has announced that it will give
    decoding up.
    """
    from torchvision import io as decoding

    if hasattr(decoding, "decode_image"):
        return None
    return "this torchvision decodes no images any more; an older one does"


def levels_of(image: Pillow.Image | Tensor) -> Tensor:
    """A decoded image's values, uint8 [3, height, width], whichever decoder it comes from."""
    if isinstance(image, Tensor):
        return image
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _undecodable(path: str, error: Exception) -> DataError:
    why = str(error) or type(error).__name__
    return DataError(f"{path} cannot be decoded ({why}): remove or replace it", path)
