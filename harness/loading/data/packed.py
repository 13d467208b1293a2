"""Packed pixels: images decoded once, kept as uint8 in one file, and read from it through a memory map.

Each is kept with its shorter side at 256 and cut to the middle 256 x 256, which is where the recipe
with nothing random cuts from: it gives the same pixels from here as from the files. The recipe for
training crops within that square, not within the whole image.
"""

from __future__ import annotations

import hashlib
import mmap
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.loading.data import recipe
from harness.loading.data.cache import made_once
from harness.loading.data.decoders import with_pillow
from harness.loading.data.folder import DataError, Image
from harness.loading.machine.cores import usable_cores
from harness.plural import counted

VERSION = 1
"""Part of every packed file's name: a change to what is packed must not meet a file of an older version."""

SIDE = recipe.RESIZED
ROW = 3 * SIDE * SIDE
"""Bytes of an image. A multiple of the memory's pages, of 4 or 64 KiB: no page belongs to two images."""


class Packed:
    """Decodes by looking up: from a path to its packed pixels, uint8 [3, 256, 256]; raises
    DataError for other paths.

    Other processes are sent the file's name alone; each maps the file for itself, when it first reads.
    """

    def __init__(self, file: Path, rows: Mapping[str, int]) -> None:
        self.file = file
        self.rows = rows
        self._map: mmap.mmap | None = None

    def __call__(self, path: str) -> Tensor:
        """The pixels of one image, copied out of the map."""
        if (row := self.rows.get(path)) is None:
            those = counted(len(self.rows), "image")
            raise DataError(f"{path} is not among the {those} in {self.file}: pack it with them")
        if self._map is None:
            with self.file.open("rb") as packed:
                self._map = mmap.mmap(packed.fileno(), 0, access=mmap.ACCESS_READ)
        pixels = np.frombuffer(self._map, np.uint8, ROW, row * ROW).copy()
        # Pages that stay mapped would count as memory of every worker, and no one could put them
        # out of the cache.
        self._map.madvise(mmap.MADV_DONTNEED, row * ROW, ROW)
        return torch.from_numpy(pixels.reshape(SIDE, SIDE, 3)).permute(2, 0, 1)

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "rows": self.rows, "_map": None}


def packed(images: Sequence[Image]) -> Packed:
    """The images' packed pixels: made on first use, and anew when a file among them has changed.

    Takes 192 KiB of the cache for each different image. Raises DataError for a file that cannot be
    decoded, or where the cache has no room.
    """
    paths = sorted({image.path for image in images})
    folder = made_once(
        f"packed-v{VERSION}-{len(paths)}-{fingerprint(paths)}", lambda folder: _pack(paths, folder)
    )
    return Packed(folder / "pixels", {path: row for row, path in enumerate(paths)})


def fingerprint(paths: Sequence[str], also: str = "") -> str:
    """What distinguishes these files, as they are now, from others: by names, sizes and times of
    change, in this order.

    ``also`` is what else must be the same. Raises DataError for a file that is not there.
    """
    digest = hashlib.sha256(also.encode())
    for path in paths:
        try:
            found = Path(path).stat()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error}): remove or replace it") from error
        digest.update(
            f"{Path(path).absolute()}\0{found.st_size}\0{found.st_mtime_ns}\0".encode(
                errors="surrogateescape"
            )
        )
    return digest.hexdigest()[:16]


def pixels_of(paths: Sequence[str]) -> Iterator[NDArray[np.uint8]]:
    """The images one after another as they are packed, uint8 [256, 256, 3], decoded on all cores.
    Raises DataError.
    """
    from torchvision.transforms import CenterCrop, Compose, Resize

    geometry = Compose([Resize(SIDE), CenterCrop(SIDE)])
    with ThreadPoolExecutor(usable_cores()) as threads:
        for start in range(0, len(paths), 64):
            yield from threads.map(
                lambda path: np.asarray(geometry(with_pillow(path))), paths[start : start + 64]
            )


def check_room(folder: Path, wanted: int) -> None:
    """Raise DataError where the disk that ``folder`` is on has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise DataError(
            f"the pixels of these images take {wanted / 1e6:.0f} MB and {folder.parent} has {free / 1e6:.0f} MB to "
            "spare: set TIPBENCH_CACHE to a folder with more"
        )


def _pack(paths: Sequence[str], folder: Path) -> None:
    check_room(folder, ROW * len(paths))
    with (folder / "pixels").open("wb") as file:
        for pixels in pixels_of(paths):
            file.write(pixels.tobytes())
