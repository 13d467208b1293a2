"""A quick look at image files before anything runs: which are damaged, and which of them differ in
how they are stored.

Looking at the beginning and the end of a file costs a hundredth of decoding it; only what looks odd
is decoded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Pillow

from harness.loading.data.decoders import with_pillow
from harness.loading.data.folder import DataError, Image

ORIENTATION = 0x0112
"""The EXIF tag that says how an image is to be turned."""

TAIL = 64
"""Bytes at the end of a file among which its end mark is looked for: some cameras pad."""

_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}
"""What a whole file ends with, by how it begins: JPEG and PNG."""


@dataclass(frozen=True, slots=True)
class ExaminedFiles:
    """What a look at files showed: how many were looked at, and why some cannot be decoded, by path."""

    seen: int
    damaged: dict[str, str] = field(default_factory=dict)


def examine(
    images: Iterable[Image], seconds: float, now: Callable[[], float] = time.monotonic
) -> ExaminedFiles:
    """Look for damaged files, for so many seconds at most; what there was no time for counts as sound."""
    end = now() + seconds
    damaged: dict[str, str] = {}
    seen = 0
    for image in images:
        if now() >= end:
            break
        seen += 1
        if _looks_whole(image.path):
            continue
        try:
            with_pillow(image.path)
        except DataError as error:
            damaged[image.path] = str(error)
    return ExaminedFiles(seen, damaged)


def orientation(path: str) -> int:
    """The EXIF orientation of a file, 1 where it has none or is none."""
    try:
        with Pillow.open(path) as image:
            return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # which error a damaged file raises is up to Pillow
        return 1


def typical(
    images: Sequence[Image], count: int, seconds: float, now: Callable[[], float] = time.monotonic
) -> list[Image]:
    """``count`` images that stand for all: one of each way of storing them where there is room,
    else evenly spread.

    Ways differ in format, colours and EXIF orientation. Half of the places at most go to them; the
    search for them ends after so many seconds.
    """
    end = now() + seconds
    ways: dict[tuple[object, ...], Image] = {}
    for image in _spread(images, len(images)):
        if now() >= end or len(ways) == count // 2:
            break
        ways.setdefault(_stored(image.path), image)
    chosen = dict.fromkeys(ways.values())
    for image in (*_spread(images, count - len(chosen)), *_spread(images, len(images))):
        if len(chosen) >= count:
            break
        chosen.setdefault(image)
    return list(chosen)


def _spread(images: Sequence[Image], count: int) -> list[Image]:
    """``count`` of them, evenly spread; all of them in an order that is spread from its beginning
    where that is all.
    """
    total = len(images)
    if count < total:
        return [images[place * total // count] for place in range(count)]
    stride = max(1, round(total**0.5))
    return [images[place] for first in range(stride) for place in range(first, total, stride)]


def _stored(path: str) -> tuple[object, ...]:
    try:
        with Pillow.open(path) as image:
            return image.format, image.mode, int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # which error a damaged file raises is up to Pillow
        return ()


def _looks_whole(path: str) -> bool:
    """Whether a file has a header that can be read, and the end mark of its format where that has one."""
    try:
        with Path(path).open("rb") as file:
            begins = file.read(2)
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            ends = file.read()
            mark = _ENDS.get(begins)
            if mark is not None and mark not in ends:
                return False
            file.seek(0)
            with Pillow.open(file) as image:
                return min(image.size) > 0
    except Exception:  # which error a damaged file raises is up to Pillow
        return False
