"""Images to load where the user has none: made once, from a seed, to cost what photographs cost to decode.

Photographs have amplitude falling as 1/f, colour channels that move together, edges and patches of
fine texture. Files have ImageNet's sizes and bytes per pixel. NumPy and Pillow only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.loading.data.cache import made_once
from harness.loading.data.folder import DataError, check_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DataError", "check_folder", "jpeg_folder", "tiny_set", "uneven_folder"]

VERSION = 1
"""Part of every folder's name: a change to what is made must not meet data made by an older version."""

JPEGS = 256
CLASSES = 8
TINY = 4096
UNEVEN_EVERY = 16
QUALITY = 95

# ImageNet's common sizes and roughly their shares: mostly 500 on the long side, three in four lying.
_SIZES = (
    ((500, 375),) * 8
    + ((375, 500),) * 3
    + ((500, 333),) * 4
    + ((333, 500), (640, 480), (400, 300), (500, 500))
)
_FIELD = 1024


def jpeg_folder(count: int = JPEGS, seed: int = 0) -> Path:
    """A folder of ``count`` JPEGs in ImageFolder's layout, about 110 KB each; made on first use, in
    seconds.
    """
    return made_once(
        f"jpeg-v{VERSION}-{count}-{seed}", lambda folder: _write_jpegs(folder, count, seed, uneven=False)
    )


def uneven_folder(count: int = JPEGS, seed: int = 0) -> Path:
    """As `jpeg_folder`, but every 16th image has four times the pixels."""
    return made_once(
        f"uneven-v{VERSION}-{count}-{seed}", lambda folder: _write_jpegs(folder, count, seed, uneven=True)
    )


def tiny_set(count: int = TINY, seed: int = 0) -> Path:
    """An ``.npz`` of samples as small as MNIST's: ``images`` uint8 [count, 28, 28], ``labels``
    int64 [count], 0-9.
    """
    folder = made_once(f"tiny-v{VERSION}-{count}-{seed}", lambda folder: _write_digits(folder, count, seed))
    return folder / "digits.npz"


def photograph(canvas: Canvas, width: int, height: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """One made-up photograph, uint8 [height, width, 3]."""
    import numpy as np

    sharp = random.uniform(0.2, 2.2)
    light = canvas.crop("smooth", width, height, random)
    fine = canvas.crop("fine", width, height, random)
    # Patches: a thresholded smooth field gives outlines, and each side its own light and texture.
    outline = canvas.crop("broad", width, height, random)
    patches = sum((outline > level).astype(np.float32) for level in (-0.7, 0.0, 0.8)) - 1.5
    texture = np.clip(canvas.crop("broad", width, height, random) + 0.5, 0.0, 2.0)
    grey = 118 + 26 * light + 30 * patches + sharp * 18 * texture * fine
    tint = random.normal(0, 12, 3).astype(np.float32)
    first, second = canvas.crop("smooth", width, height, random), canvas.crop("smooth", width, height, random)
    colour = np.stack((12 * first + 4 * patches, 2 * second, -11 * first + 5 * second), axis=-1)
    pixels: NDArray[np.uint8] = np.clip(grey[..., None] + colour + tint, 0, 255).astype(np.uint8)
    return pixels


class Canvas:
    """Large random fields, made once, of which each image takes its own windows: a spectrum per
    image would be expensive.
    """

    def __init__(self, random: np.random.Generator) -> None:
        # 1/f in amplitude is 1/f^2 in power, the natural-image law; the fine field is flatter, like
        # grass or gravel.
        exponents = {"broad": 2.2, "smooth": 1.3, "fine": 0.5}
        self._fields = {
            kind: [_field(random, exponent) for _ in range(3)] for kind, exponent in exponents.items()
        }

    def crop(self, kind: str, width: int, height: int, random: np.random.Generator) -> NDArray[Any]:
        """A random window [height, width] of a random field, turned at random; over all, mean 0 and
        deviation 1.
        """
        import numpy as np

        field = self._fields[kind][random.integers(3)]
        if random.random() < 0.5:
            field = field.T
        # Fields are periodic, so a window may run over the edge.
        top, left = random.integers(_FIELD, size=2)
        rows, columns = np.arange(top, top + height) % _FIELD, np.arange(left, left + width) % _FIELD
        window: NDArray[Any] = field[rows[:, None], columns]
        return window


def _field(random: np.random.Generator, exponent: float) -> NDArray[Any]:
    import numpy as np

    noise = np.fft.rfft2(random.standard_normal((_FIELD, _FIELD)))
    frequency = np.hypot(np.fft.fftfreq(_FIELD)[:, None], np.fft.rfftfreq(_FIELD)[None, :])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(noise / frequency**exponent, s=(_FIELD, _FIELD))
    scaled: NDArray[Any] = (field / field.std()).astype(np.float32)
    return scaled


def _write_jpegs(folder: Path, count: int, seed: int, *, uneven: bool) -> None:
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    canvas = Canvas(random)
    for index in range(count):
        width, height = _SIZES[random.integers(len(_SIZES))]
        if uneven and index % UNEVEN_EVERY == UNEVEN_EVERY - 1:
            width, height = 2 * width, 2 * height
        place = folder / f"class_{index % CLASSES:03d}"
        place.mkdir(exist_ok=True)
        pixels = photograph(canvas, width, height, random)
        Image.fromarray(pixels).save(place / f"image_{index:05d}.jpg", quality=QUALITY)


# Segments of a seven-segment display (x0, y0, x1, y1 on a unit cell) and which of them make up each digit.
_STROKES = ((0, 0, 1, 0), (1, 0, 1, 1), (1, 1, 1, 2), (0, 2, 1, 2), (0, 1, 0, 2), (0, 0, 0, 1), (0, 1, 1, 1))
_DIGITS = ("012345", "12", "01346", "01236", "1256", "02356", "023456", "012", "0123456", "012356")


def _write_digits(folder: Path, count: int, seed: int) -> None:
    import numpy as np
    from PIL import Image, ImageDraw

    random = np.random.default_rng(seed)
    labels = random.integers(10, size=count)
    images = np.zeros((count, 28, 28), np.uint8)
    for index in range(count):
        picture = Image.new("L", (28, 28))
        draw = ImageDraw.Draw(picture)
        left, top, wide, high = random.uniform((7, 3, 9, 8), (10, 6, 12, 10))
        slant, ink, pen = random.uniform(-3, 3), int(random.integers(150, 256)), int(random.integers(2, 4))
        for stroke in _DIGITS[labels[index]]:
            x0, y0, x1, y1 = _STROKES[int(stroke)]
            ends = [(left + wide * x + slant * (1 - y), top + high * y) for x, y in ((x0, y0), (x1, y1))]
            draw.line(ends, fill=ink, width=pen)
        images[index] = np.asarray(picture)
    np.savez(folder / "digits.npz", images=images, labels=labels.astype(np.int64))
