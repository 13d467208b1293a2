"""Decoding alone, on one core: encoded images in memory to pixels, by one decoder or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.loading.data import decoders
from harness.loading.data.folder import DataError, Image

MEAN_LEVELS = 1.5
FAR_LEVELS = 16
FAR_SHARE = 1e-3
"""How far a decoder may be off, in the 256 levels of a channel: in the mean, and by more than so
many in no larger share of the values. The decoders of the CPU here are alike to the last bit;
nvJPEG rounds in another way."""

Batch = Callable[[Sequence[bytes]], Any]
"""From encoded images to decoded ones, in whatever form the decoder gives."""


@dataclass(frozen=True)
class Decoder:
    """``make`` sets up decoding for batches of that many; ``levels`` gives values, each uint8 [3,
    height, width].
    """

    make: Callable[[int], Batch]
    levels: Callable[[Any], list[Tensor]]


@dataclass(frozen=True)
class Decoded:
    """What a decoder made of the images, each uint8 [3, height, width], and which damaged ones it refused."""

    images: list[Tensor]
    refused: list[bool]


class DecodingAlone:
    """Decodes all images each time it is called; the first time it hands the values over, later
    calls give nothing.
    """

    def __init__(self, decoder: Decoder, contents: Sequence[bytes]) -> None:
        self._decoder = decoder
        self._contents = list(contents)
        self._decode = decoder.make(len(contents))
        self._described = False

    def __call__(self) -> Decoded | None:
        """Decode once more."""
        images = self._decode(self._contents)
        if self._described:
            return None
        self._described = True
        return Decoded(
            self._decoder.levels(images), [self._refuses(bad) for bad in damaged(self._contents[0])]
        )

    def _refuses(self, content: bytes) -> bool:
        try:
            # A decoder of its own: one that has failed may not go on.
            self._decoder.levels(self._decoder.make(1)([content]))
        except (RuntimeError, DataError):
            return True
        return False


def decoding_alone(contents: Sequence[bytes], make: Callable[..., Decoder], *arguments: Any) -> DecodingAlone:
    """The iteration with the decoder that ``make`` gives for these arguments."""
    return DecodingAlone(make(*arguments), contents)


def damaged(content: bytes) -> list[bytes]:
    """An image cut off in the middle and after its head, one without a head, nothing, and, last,
    the sound image.
    """
    return [content[: len(content) // 2], content[:700], content[700:], b"", content]


def contents_of(images: Sequence[Image]) -> list[bytes]:
    """What is in the files. Raises DataError for one that cannot be read."""
    try:
        return [Path(image.path).read_bytes() for image in images]
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read ({error}): remove or replace it") from error


def same_levels(expected: Decoded, got: Decoded) -> Mapping[str, float]:
    """Agree where the images are alike; how far the values are off, and how many damaged images were refused.

    What is made of a damaged file differs between decoders, and is no error of theirs.
    """
    assert not got.refused[-1], "a sound image was refused"
    assert [image.shape for image in got.images] == [image.shape for image in expected.images], "other sizes"
    worst, total, far, count = 0, 0, 0, 0
    for image, other in zip(expected.images, got.images, strict=True):
        off = (image.short() - other.short()).abs()
        worst = max(worst, int(off.max()))
        total, far, count = total + int(off.sum()), far + int((off > FAR_LEVELS).sum()), count + off.numel()
    mean = total / count
    assert mean <= MEAN_LEVELS and far <= FAR_SHARE * count, (
        f"{mean:.2f} levels off in the mean, {worst} at most"
    )
    refused = float(sum(got.refused))
    return {"max_level_difference": worst, "mean_level_difference": mean, "damaged_refused": refused}


def _one_by_one(decode: Callable[[str, bytes], Any]) -> Callable[[int], Batch]:
    return lambda _count: lambda contents: [decode("an image in memory", content) for content in contents]


def _levels(images: Sequence[Any]) -> list[Tensor]:
    return [decoders.levels_of(image) for image in images]


PILLOW = Decoder(_one_by_one(decoders.with_pillow), _levels)


def decode_jpeg(device: torch.device | str = "cpu") -> Decoder:
    """A decoder of JPEGs, TorchCodec's or torchvision's; on a GPU nvJPEG, which takes a batch at once."""
    return Decoder(
        lambda _count: lambda contents: decoders.jpegs_to_tensors(contents, device),
        lambda images: [image.cpu() for image in images],
    )


def dali() -> Decoder:
    """DALI's decoder on the CPU."""
    from support.dali_decoder import DaliDecoder, levels_of

    return Decoder(DaliDecoder, levels_of)
