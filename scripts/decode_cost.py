"""Print what decoding a generated image costs beside two real photographs of the same size and bytes per
pixel.

    python scripts/decode_cost.py [images] [repeats]

The photographs are scikit-learn's; each is resized to a generated image's size and saved at the JPEG quality
that comes nearest to its bytes, so that what differs is only what the picture shows.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from harness.loading.data import decoders
from harness.loading.data.folder import first_images
from harness.loading.data.generated import jpeg_folder


def as_cheap(photo: Image.Image, size: tuple[int, int], wanted: int) -> bytes:
    """The photograph at that size, saved at the quality whose bytes come nearest to ``wanted``."""
    if (photo.width > photo.height) != (size[0] > size[1]):
        photo = photo.transpose(Image.Transpose.ROTATE_90)
    resized = photo.resize(size, Image.Resampling.LANCZOS)
    saved = []
    for quality in range(40, 100):
        buffer = io.BytesIO()
        resized.save(buffer, "JPEG", quality=quality)
        saved.append(buffer.getvalue())
    return min(saved, key=lambda data: abs(len(data) - wanted))


def pil(data: bytes) -> object:
    """Decode with Pillow."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def tensors(data: bytes) -> object:
    """Decode with TorchCodec, or torchvision without it."""
    return decoders.jpegs_to_tensors([data])


def seconds(decode: Callable[[bytes], object], data: bytes) -> float:
    """Seconds of one decode."""
    start = time.perf_counter()
    decode(data)
    return time.perf_counter() - start


def main(images: int = 16, repeats: int = 25) -> None:
    """Alternate generated and real in one process; print medians a picture and their ratio."""
    torch.set_num_threads(1)
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    generated = [Path(image.path).read_bytes() for image in first_images(jpeg_folder(), images)]
    sizes = [Image.open(io.BytesIO(data)).size for data in generated]
    real = [
        [as_cheap(photo, size, len(data)) for photo in photos]
        for data, size in zip(generated, sizes, strict=True)
    ]
    per_pixel = [len(data) / (w * h) for data, (w, h) in zip(generated, sizes, strict=True)]
    per_pixel_real = [
        statistics.mean(map(len, pair)) / (w * h) for pair, (w, h) in zip(real, sizes, strict=True)
    ]
    print(
        f"{images} images: {statistics.mean(map(len, generated)) / 1e3:.0f} kB each; bytes per pixel "
        f"{statistics.mean(per_pixel):.3f} generated, {statistics.mean(per_pixel_real):.3f} real"
    )
    for decode in (pil, tensors):
        made: list[float] = []
        shot: list[float] = []
        for data, pair in zip(generated, real, strict=True):
            times = [
                (seconds(decode, data), [seconds(decode, photo) for photo in pair]) for _ in range(repeats)
            ]
            made.append(statistics.median(own for own, _ in times))
            shot.append(
                statistics.mean(statistics.median(rival[k] for _, rival in times) for k in range(len(pair)))
            )
        ratio = statistics.median(own / rival for own, rival in zip(made, shot, strict=True))
        own, rival = (1e3 * statistics.mean(times) for times in (made, shot))
        print(f"{decode.__name__:12s} generated {own:.3f} ms, real {rival:.3f} ms, median ratio {ratio:.3f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
