"""Decoders: the same bits of the same files, the same files refused, and always the file's name."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from harness.loading.data import decoders
from harness.loading.data.folder import DataError, Image
from harness.loading.loaders import dali_shared
from support.decoding import PILLOW, Decoded, DecodingAlone, contents_of, decode_jpeg, same_levels
from support.decoding import dali as dali_decoder
from tests.support.photographs import photographs

pytestmark = [
    pytest.mark.skipif(decoders.missing() is not None, reason=str(decoders.missing())),
    pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """Two dozen photographs."""
    return photographs(tmp_path_factory.mktemp("photographs"))


def test_decoders_are_bit_exact(images: list[Image]) -> None:
    """Pillow's, torchvision's and DALI's decoders give the same bits."""
    kinds = {"torchvision": decode_jpeg()} | ({} if dali_shared.missing() else {"DALI": dali_decoder()})
    contents = contents_of(images)
    wanted = DecodingAlone(PILLOW, contents)()
    assert isinstance(wanted, Decoded) and wanted.refused == [True, True, True, True, False]
    for name, kind in kinds.items():
        alone = DecodingAlone(kind, contents)
        got = alone()
        assert isinstance(got, Decoded) and alone() is None
        bit_exact = {"max_level_difference": 0, "mean_level_difference": 0, "damaged_refused": 4}
        assert same_levels(wanted, got) == bit_exact, name
    for image, pixels in zip(images, wanted.images, strict=True):
        assert torch.equal(decoders.with_torchvision(image.path), pixels)


def test_a_wrong_decoder_is_caught(images: list[Image]) -> None:
    """Swapped channels, a missing upsampling and a sound image that is refused all disagree."""
    wanted = DecodingAlone(PILLOW, contents_of(images[:2]))()
    assert wanted is not None
    coarse = [image[:, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2) for image in wanted.images]
    cut = [
        image[:, : other.shape[1], : other.shape[2]]
        for image, other in zip(coarse, wanted.images, strict=True)
    ]
    for other in (
        Decoded([image.flip(0) for image in wanted.images], wanted.refused),
        Decoded(cut, wanted.refused),
        Decoded(wanted.images, [True] * len(wanted.refused)),
        Decoded([image.transpose(1, 2) for image in wanted.images], wanted.refused),
    ):
        with pytest.raises(AssertionError):
            same_levels(wanted, other)
    lenient = Decoded(wanted.images, [False, *wanted.refused[1:]])
    assert same_levels(wanted, lenient)["damaged_refused"] == 3
    rounded = [image.clamp(1) for image in wanted.images]
    assert same_levels(wanted, Decoded(rounded, wanted.refused))["max_level_difference"] == 1


@pytest.mark.filterwarnings("error")
def test_a_warning_that_is_an_error_stops_no_decoder(images: list[Image]) -> None:
    """torchvision's notice that its decoders will be removed changes neither what is decoded nor by what."""
    content = contents_of(images[:1])
    wanted = decoders.levels_of(decoders.with_pillow(images[0].path))
    assert torch.equal(decoders.with_torchvision(images[0].path), wanted)
    assert torch.equal(decode_jpeg().make(1)(content)[0], wanted)
    asked: list[tuple[object, ...]] = []

    def announced(*given: object) -> str:
        asked.append(given)
        warnings.warn("to be removed", DeprecationWarning, stacklevel=2)
        return "pixels"

    assert decoders.despite_warnings(announced, "content") == "pixels"
    assert asked == [("content",)] * 2


SMOOTH = Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize(
    (50, 40)
)
HALF = Pillow.linear_gradient("L").resize(SMOOTH.size)
ODD = {
    "grey.jpg": SMOOTH.convert("L"),
    "cmyk.jpg": SMOOTH.convert("CMYK"),
    "grey.png": SMOOTH.convert("L"),
    "one bit.png": SMOOTH.convert("1"),
    "palette.png": SMOOTH.quantize(16),
    "transparent palette.png": SMOOTH.quantize(16),
    "rgba.png": Pillow.merge("RGBA", [*SMOOTH.split(), HALF]),
    "la.png": Pillow.merge("LA", [SMOOTH.convert("L"), HALF]),
    "rgb.tif": SMOOTH,
    "cmyk.tif": SMOOTH.convert("CMYK"),
    "rgb.bmp": SMOOTH,
    "rgb.webp": SMOOTH,
    "moving.gif": SMOOTH.quantize(16),
    "wrongly named.jpg": SMOOTH,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_become_rgb(name: str, tmp_path: Path) -> None:
    """Grey, palette, CMYK, transparent and other files decode to the same RGB with both decoders."""
    picture, path = ODD[name], tmp_path / name
    options: dict[str, Any] = {"transparency": 3} if name.startswith("transparent") else {}
    if name == "moving.gif":
        options = {"save_all": True, "append_images": [SMOOTH.rotate(180).quantize(16)]}
    picture.save(path, **options, **({"format": "PNG"} if name.startswith("wrongly") else {}))
    by_pillow, by_torchvision = (
        decoders.levels_of(decoders.with_pillow(str(path))),
        decoders.with_torchvision(str(path)),
    )
    assert by_torchvision.dtype == torch.uint8 and by_torchvision.shape == (3, 40, 50)
    assert int((by_pillow.short() - by_torchvision.short()).abs().max()) <= 1
    off = (by_pillow.short() - decoders.levels_of(picture.convert("RGB")).short()).abs().float()
    assert float(off.mean()) < (5 if path.suffix in (".jpg", ".webp") else 0.01)


WIDE = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)


@pytest.mark.parametrize("name", ["grey.png", "colour.png", "grey.pgm"])
def test_of_sixteen_bits_the_upper_eight_are_kept(name: str, tmp_path: Path) -> None:
    """A 16-bit file is as bright as it was: nothing is clipped at 255 of 65535."""
    path = tmp_path / name
    values = np.stack([WIDE, WIDE[::-1], WIDE[:, ::-1]], axis=-1) if name == "colour.png" else WIDE
    path.write_bytes(
        _png16(values) if name.endswith("png") else b"P5 50 40 65535\n" + values.astype(">u2").tobytes()
    )
    upper = torch.from_numpy((values >> 8).astype(np.uint8))
    wanted = upper.permute(2, 0, 1) if values.ndim == 3 else upper.expand(3, 40, 50)
    for pixels in (decoders.levels_of(decoders.with_pillow(str(path))), decoders.with_torchvision(str(path))):
        assert torch.equal(pixels, wanted)


def _png16(values: np.ndarray[Any, np.dtype[np.uint16]]) -> bytes:
    """A PNG with 16 bits a channel, [height, width] grey or [height, width, 3], which Pillow does not
    write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(
        ">IIBBBBB", values.shape[1], values.shape[0], 16, 2 if values.ndim == 3 else 0, 0, 0, 0
    )
    pieces = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    coded = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in pieces]
    return b"\x89PNG\r\n\x1a\n" + b"".join(coded)


DAMAGE = {
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut after the head": lambda content: content[:700],
    "no image": lambda content: b"no image" * 50,
    "empty": lambda content: b"",
    "gone": None,
}


def _victim(images: list[Image], damage: str, folder: Path) -> Path:
    path = folder / "victim.jpg"
    if (spoil := DAMAGE[damage]) is not None:
        path.write_bytes(spoil(Path(images[0].path).read_bytes()))
    return path


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("decode", [decoders.with_pillow, decoders.with_torchvision])
def test_a_damaged_file_is_named(decode: Any, damage: str, images: list[Image], tmp_path: Path) -> None:
    """Both decoders refuse the same damaged files, and name them."""
    with pytest.raises(DataError, match=r"victim\.jpg cannot be decoded"):
        decode(str(_victim(images, damage, tmp_path)))


@pytest.mark.parametrize("decode", [decoders.with_pillow, decoders.with_torchvision])
def test_a_huge_image_is_named(
    decode: Any, images: list[Image], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An image above Pillow's limit of pixels, a bomb perhaps, is refused by both decoders."""
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(DataError, match=r"00\.jpg cannot be decoded .*limit"):
        decode(images[0].path)
