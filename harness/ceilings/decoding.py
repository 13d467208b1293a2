"""The ceiling of loading: how many images one core decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from harness.ceilings.compute import Seconds
from harness.ceilings.steady import steady_seconds
from harness.model import Ceiling
from harness.model.ceiling import DECODE

IMAGES = 16
"""Files that are decoded over and over: enough for an average of sizes."""


def decoding(data: Path | None, seconds: Seconds = steady_seconds) -> Iterator[Ceiling]:
    """Each decoder on one thread, with files that are in memory: those of ``data``, or generated photographs.

    Raises DataError, and ImportError where a package is missing.
    """
    import torch

    from harness.loading.data import decoders
    from harness.loading.data.folder import first_images
    from harness.loading.data.generated import jpeg_folder
    from harness.loading.machine.threads import one_thread

    paths = [image.path for image in first_images(data or jpeg_folder(IMAGES), IMAGES)]
    files = [(path, Path(path).read_bytes()) for path in paths]
    kinds: dict[str, Callable[[str, bytes], object]] = {"Pillow": decoders.with_pillow}
    if (name := decoders.tensor_decoder()) is not None:
        kinds[name] = decoders.to_tensor
    size = sum(len(content) for _, content in files) / len(files)
    with one_thread():
        for name, decode in kinds.items():
            each = seconds(partial(_all, decode, files), torch.device("cpu")) / len(files)
            yield Ceiling(DECODE, 1 / each, "1/s", f"{name}, {size / 1e3:.0f} kB a file", "cpu")


def _all(decode: Callable[[str, bytes], object], files: Sequence[tuple[str, bytes]]) -> None:
    for path, content in files:
        decode(path, content)
