"""Mean and standard deviation of a data set's channels, in two ways: image by image in NumPy, and
in one stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.loading.data.dataset import Photographs, decoded
from harness.loading.data.folder import Image
from harness.loading.data.recipe import RESIZED, SIZE, Transform
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Batch
from harness.loading.machine.threads import one_thread

TOLERANCE = 1e-4


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and deviation of each channel, float64 [3], on the scale 0..1, over so many pixels.

    Its reading is ``seconds_per_1000_images``.
    """

    mean: Tensor
    deviation: Tensor
    pixels: int
    readings: Mapping[str, float] = field(default_factory=dict)


def two_passes(images: Sequence[Image]) -> ChannelStatistics:
    """First the means, then the deviations from them: a loop over images and channels each."""
    begin = perf_counter()
    crop = cropped()
    mean, squares, count = np.zeros(3), np.zeros(3), 0
    for path, _ in images:
        pixels = np.asarray(crop(decoded(path)))
        for channel in range(3):
            mean[channel] += np.mean(pixels[:, :, channel])
    mean /= len(images)
    for path, _ in images:
        pixels = np.asarray(crop(decoded(path)))
        for channel in range(3):
            squares[channel] += np.sum(np.power(pixels[:, :, channel] - mean[channel], 2))
        count += pixels[:, :, 0].size
    deviation = np.sqrt(squares / count)
    readings = _paced(perf_counter() - begin, len(images))
    return ChannelStatistics(torch.from_numpy(mean / 255), torch.from_numpy(deviation / 255), count, readings)


@contextmanager
def streaming(images: Sequence[Image], **options: Any) -> Iterator[Callable[[], ChannelStatistics]]:
    """Gives what makes one pass over a DataLoader's batches, sums and sums of squares at once;
    ``options`` are its.
    """
    with PlainLoader(partial(Photographs, images, uint8), **options) as loader:
        yield lambda: streamed(loader.host_batches())


def streamed(batches: Iterable[Batch]) -> ChannelStatistics:
    """The statistics of one pass over batches of uint8 [n, 3, height, width]."""
    begin = perf_counter()
    total, squares = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    count = images_seen = 0
    with one_thread():
        for images, _, _ in batches:
            pixels = images.double()
            total += pixels.sum((0, 2, 3))
            squares += pixels.square_().sum((0, 2, 3))
            count += pixels[:, 0].numel()
            images_seen += len(images)
    mean = total / count
    deviation = (squares / count - mean.square()).sqrt()
    return ChannelStatistics(mean / 255, deviation / 255, count, _paced(perf_counter() - begin, images_seen))


def same_statistics(expected: ChannelStatistics, got: ChannelStatistics) -> None:
    """Agree where both saw as many pixels, with means and deviations within 1e-4; AssertionError
    names what differs.
    """
    assert expected.pixels == got.pixels, (
        f"{got.pixels} pixels of each channel were seen, not {expected.pixels}"
    )
    for name in ("mean", "deviation"):
        wanted, seen = getattr(expected, name), getattr(got, name)
        off = (wanted - seen).abs().max()
        assert off <= TOLERANCE, f"the {name} is {seen.tolist()}, {float(off):.2g} off {wanted.tolist()}"


def cropped() -> Transform:
    """PIL image to PIL image of 224 x 224, nothing random: the pixels whose statistics are computed."""
    from torchvision.transforms import CenterCrop, Compose, Resize

    made: Transform = Compose([Resize(RESIZED), CenterCrop(SIZE)])
    return made


def uint8() -> Transform:
    """PIL image to uint8 [3, 224, 224], the same pixels."""
    from torchvision.transforms import Compose, PILToTensor

    made: Transform = Compose([cropped(), PILToTensor()])
    return made


def _paced(seconds: float, images: int) -> dict[str, float]:
    return {"seconds_per_1000_images": 1000 * seconds / max(1, images)}
