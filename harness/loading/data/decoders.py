"""Decoders: from a file to an RGB image, or an error that names the file. All take the same files.

Grey, palette, CMYK, RGBA and 16-bit files become RGB with 8 bits a channel: transparency is
dropped, and of 16 bits the upper eight are kept. No decoder turns an image by its EXIF orientation
but a TIFF, which Pillow turns by itself.
"""

from __future__ import annotations

import functools
import importlib
import io
import threading
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from harness.loading.data.folder import DataError
from harness.loading.data.orientation import as_stored

Decode = Callable[[str], Any]
"""From a path to what a recipe takes: a PIL image, or a uint8 tensor [3, height, width]."""

Decoded = TypeVar("Decoded")
P = ParamSpec("P")

TORCHCODEC = "TorchCodec"
TORCHVISION = "torchvision"

INSTALL = "pip install 'torchcodec>=0.16'"
"""The first version that decodes images."""

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


def to_tensor(path: str, content: bytes | None = None) -> Tensor:
    """The file as a uint8 tensor [3, height, width], of the same values as Pillow's; raises DataError
    as that does.

    TorchCodec decodes, or torchvision where TorchCodec cannot. Files that either refuses or decodes
    in another way go to Pillow, so that all decode the same files.
    """
    name = tensor_decoder()
    if name is None:
        return levels_of(with_pillow(path, content))
    return with_torchcodec(path, content) if name == TORCHCODEC else with_torchvision(path, content)


def with_torchcodec(path: str, content: bytes | None = None) -> Tensor:
    """`to_tensor` by TorchCodec."""
    from torchcodec.decoders import decode_image

    encoded = _encoded(path, content)
    # Of 16 bits, TorchCodec's own eight are rounded.
    decode = functools.partial(decode_image, mode="RGB", output_dtype="auto")
    return _checked(path, content, encoded, as_stored(encoded), decode)


def with_torchvision(path: str, content: bytes | None = None) -> Tensor:
    """`to_tensor` by torchvision, but for PNGs, of which some damaged ones end the process there."""
    from torchvision.io import ImageReadMode, decode_image

    encoded = _encoded(path, content)
    decode = functools.partial(despite_warnings, decode_image, mode=ImageReadMode.RGB)
    return _checked(path, content, encoded, encoded.startswith((b"\xff\xd8", b"RIFF")), decode)


def jpegs_to_tensors(
    contents: Sequence[bytes | memoryview], device: torch.device | str = "cpu"
) -> list[Tensor]:
    """JPEGs as uint8 tensors [3, height, width] on the device, where a GPU decodes them, all at once.

    Raises RuntimeError for a file that is none, or is damaged, without saying which.
    """
    encoded = [bytearray(content) for content in contents]
    if not all(content.startswith(b"\xff\xd8") and as_stored(content) for content in encoded):
        raise RuntimeError("a file is not a JPEG, or is damaged")
    tensors = [torch.frombuffer(content, dtype=torch.uint8) for content in encoded]
    if without_torchcodec(torch.device(device).type) is None:
        from torchcodec.decoders import decode_jpeg

        return list(decode_jpeg(tensors, mode="RGB", device=device))
    from torchvision import io as decoding

    return despite_warnings(
        decoding.decode_jpeg, tensors, mode=decoding.ImageReadMode.RGB, device=torch.device(device)
    )


def tensor_decoder() -> str | None:
    """What decodes images to tensors here, by name; None where nothing does but Pillow."""
    if without_torchcodec() is None:
        return TORCHCODEC
    return None if missing() else TORCHVISION


def decoder_here() -> str:
    """`tensor_decoder` in words, with the reason where it is not TorchCodec."""
    why = without_torchcodec()
    return TORCHCODEC if why is None else f"{tensor_decoder() or 'Pillow'}; {why}"


@functools.cache
def without_torchcodec(device: str = "cpu") -> str | None:
    """Why TorchCodec decodes no images on that type of device; None where it does.

    It may be installed and still be older than its image decoders, made for another torch, or built
    without a library.
    """
    try:
        there = f"TorchCodec {metadata.version('torchcodec')}"
    except metadata.PackageNotFoundError:
        return f"TorchCodec is not installed ({INSTALL})"
    try:
        decoding = importlib.import_module("torchcodec.decoders")
        if not hasattr(decoding, "decode_image"):
            return f"{there} decodes no images ({INSTALL})"
        decoding.decode_jpeg([torch.frombuffer(bytearray(sound_jpeg()), dtype=torch.uint8)], device=device)
    except Exception as error:  # which one is up to what is missing
        return f"{there} cannot be used: {_first_line(error)}"
    return None


def missing() -> str | None:
    """Why nothing but Pillow decodes here; None where TorchCodec or torchvision does.

    torchvision has announced that it will give decoding up.
    """
    if (why := without_torchcodec()) is None:
        return None
    try:
        from torchvision import io as decoding
    except Exception as error:  # made for another torch, it raises anything
        return f"torchvision cannot be used: {_first_line(error)}; {why}"
    if hasattr(decoding, "decode_image"):
        return None
    return f"this torchvision decodes no images any more; {why}"


@functools.cache
def sound_jpeg() -> bytes:
    """A small JPEG that every decoder takes."""
    file = io.BytesIO()
    Pillow.new("RGB", (32, 32), (120, 60, 200)).save(file, "JPEG")
    return file.getvalue()


def levels_of(image: Pillow.Image | Tensor) -> Tensor:
    """A decoded image's values, uint8 [3, height, width], whichever decoder it comes from."""
    if isinstance(image, Tensor):
        return image
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _encoded(path: str, content: bytes | None) -> bytearray:
    try:
        return bytearray(Path(path).read_bytes() if content is None else content)
    except OSError as error:
        raise _undecodable(path, error) from error


def _checked(
    path: str, content: bytes | None, encoded: bytearray, wanted: bool, decode: Callable[[Tensor], Tensor]
) -> Tensor:
    """What ``decode`` makes of a file; Pillow's where that is not ``wanted`` or gives no 8-bit RGB image."""
    try:
        # Not the path or the bytes: for those TorchCodec changes the process's filters of warnings.
        pixels = decode(torch.frombuffer(encoded, dtype=torch.uint8)) if wanted else None
    except (RuntimeError, ValueError):
        pixels = None
    if pixels is None or pixels.dtype != torch.uint8 or pixels.ndim != 3:
        return levels_of(with_pillow(path, content))
    limit = 2 * (Pillow.MAX_IMAGE_PIXELS or 0)
    if 0 < limit < pixels.shape[1] * pixels.shape[2]:
        raise _undecodable(
            path, ValueError(f"{pixels.shape[1] * pixels.shape[2]} pixels, above the limit of {limit}")
        )
    return pixels


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]


def _undecodable(path: str, error: Exception) -> DataError:
    why = str(error) or type(error).__name__
    return DataError(f"{path} cannot be decoded ({why}): remove or replace it", path)
