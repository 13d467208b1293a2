"""Tar shards: images written once into a few tar files, and read from them one after another with webdataset.

A shard holds for each of its images what is in the file, or its packed pixels (see
`harness.loading.data.packed`), and the label.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from harness.loading.data import decoders, packed, recipe
from harness.loading.data.cache import made_once
from harness.loading.data.dataset import Sample
from harness.loading.data.folder import DataError, Image
from harness.plural import counted

VERSION = 1
"""Part of every folder's name: a change to what is written must not meet shards of an older version."""

COUNT = 16
"""Shards; workers share them out, so their number should be a multiple of the workers'."""

ENCODED, PIXELS, LABEL = "img", "rgb", "cls"


def missing() -> str | None:
    """Why shards cannot be read here; None where they can."""
    if importlib.util.find_spec("webdataset") is None:
        return "webdataset is not installed (pip install webdataset)"
    return None


@dataclass(frozen=True, slots=True)
class Shards:
    """Shards that are written: their files, the different images in the order they were written, and as what.

    Of ``n`` files the i-th holds the images i, i + n, i + 2n, ...: of any number of workers each
    gets its share.
    """

    files: tuple[Path, ...]
    images: tuple[Image, ...]
    pixels: bool

    def held(self, number: int) -> int:
        """How many images the shard of that number holds."""
        return len(range(number, len(self.images), len(self.files)))


def sharded(images: Sequence[Image], *, pixels: bool = False, count: int = COUNT) -> Shards:
    """The images' shards: made on first use, and anew when a file among them has changed.

    Raises DataError for a file that cannot be read (or decoded, where it is to be pixels), or where
    the cache has no room.
    """
    different = tuple(dict.fromkeys(images))
    count = min(count, len(different))
    labels = ",".join(str(image.label) for image in different)
    state = packed.fingerprint(
        [image.path for image in different], also=f"{PIXELS if pixels else ENCODED} {labels}"
    )
    name = f"shards-v{VERSION}-{count}-{len(different)}-{state}"
    folder = made_once(name, lambda folder: _write(different, folder, count, pixels=pixels))
    return Shards(tuple(folder / f"{number:05d}.tar" for number in range(count)), different, pixels)


class ShardedPhotographs(IterableDataset[Sample]):
    """Samples from shards, put through a recipe; a sample is (image, label, id).

    Order: each worker goes through its shards from front to back, and the workers' batches take
    turns. Each worker ends with a batch of its own that may be short. ``images`` is the epoch:
    those in the shards in the same order, again and again where it is longer. ``decode`` takes a
    name and what was in the file; it is not used for pixels.
    """

    def __init__(
        self,
        shards: Shards,
        images: Sequence[Image],
        transform: Callable[[], recipe.Transform] = recipe.augmented,
        decode: Callable[[str, bytes], object] = decoders.with_pillow,
    ) -> None:
        different = shards.images
        if any(image != different[place % len(different)] for place, image in enumerate(images)):
            raise ValueError(
                "an epoch from shards has their images in the order they were written in, again and again"
            )
        self.shards = shards
        self.samples = len(images)
        self.transform = transform()
        self.decode = decode

    def __iter__(self) -> Iterator[Sample]:
        different = self.shards.images
        for first in range(0, self.samples, len(different)):
            for sample in self._whole():
                place = int(sample["__key__"])
                # A last turn may be a part of one: the shards are read on, for what follows is not in order.
                if first + place < self.samples:
                    image = self._image(different[place].path, sample)
                    yield self.transform(image), int(sample[LABEL]), first + place

    def _whole(self) -> Iterator[dict[str, Any]]:
        """One turn through this worker's shards; raises DataError where they cannot be read, or
        hold too little.
        """
        library: Any = importlib.import_module("webdataset")
        files = self.shards.files
        worker = get_worker_info()
        # Every n-th, as webdataset shares them out.
        own = range(worker.id, len(files), worker.num_workers) if worker else range(len(files))
        seen = 0
        remedy = f"remove {files[0].parent}, and it is made again"
        try:
            for sample in library.WebDataset(
                [str(file) for file in files], shardshuffle=False, empty_check=False
            ):
                seen += 1
                yield sample
        except (tarfile.TarError, OSError) as error:
            raise DataError(f"shards cannot be read ({error}): {remedy}") from error
        written = sum(self.shards.held(number) for number in own)
        if seen != written:
            raise DataError(f"shards gave {counted(seen, 'sample')}, not the {written} written: {remedy}")

    def _image(self, path: str, sample: dict[str, Any]) -> Any:
        if not self.shards.pixels:
            return self.decode(path, sample[ENCODED])
        levels: Tensor = torch.frombuffer(bytearray(sample[PIXELS]), dtype=torch.uint8)
        return levels.reshape(packed.SIDE, packed.SIDE, 3).permute(2, 0, 1)


def _write(images: Sequence[Image], folder: Path, count: int, *, pixels: bool) -> None:
    paths = [image.path for image in images]
    if pixels:
        packed.check_room(folder, packed.ROW * len(paths))
        contents = (levels.tobytes() for levels in packed.pixels_of(paths))
    else:
        packed.check_room(folder, sum(Path(path).stat().st_size for path in paths))
        contents = (Path(path).read_bytes() for path in paths)
    with ExitStack() as stack:
        files = [
            stack.enter_context(tarfile.open(folder / f"{number:05d}.tar", "w")) for number in range(count)
        ]
        for place, (image, content) in enumerate(zip(images, contents, strict=True)):
            for suffix, data in (
                (PIXELS if pixels else ENCODED, content),
                (LABEL, str(image.label).encode()),
            ):
                entry = tarfile.TarInfo(f"{place:09d}.{suffix}")
                entry.size = len(data)
                files[place % count].addfile(entry, io.BytesIO(data))
