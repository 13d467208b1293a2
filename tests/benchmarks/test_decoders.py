"""Decoders: the same bits of the same files, the same files refused, and always the file's name."""

from __future__ import annotations

import importlib
import io
import re
import runpy
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from harness.loading.data import decoders
from harness.loading.data.folder import DataError, Image
from harness.loading.data.orientation import as_stored
from harness.loading.loaders import dali_shared, snippets
from support.decoding import PILLOW, Decoded, DecodingAlone, contents_of, decode_jpeg, same_levels
from support.decoding import dali as dali_decoder
from tests.support.living import ROOT
from tests.support.photographs import photographs

pytestmark = [
    pytest.mark.skipif(decoders.missing() is not None, reason=str(decoders.missing())),
    pytest.mark.filterwarnings("error:The image decoding and encoding capabilities:DeprecationWarning"),
]


needs_torchcodec = pytest.mark.skipif(
    decoders.without_torchcodec() is not None, reason=str(decoders.without_torchcodec())
)
TENSORS = [decoders.to_tensor, decoders.with_torchvision]
if decoders.without_torchcodec() is None:
    TENSORS.append(decoders.with_torchcodec)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """Two dozen photographs."""
    return photographs(tmp_path_factory.mktemp("photographs"))


def test_decoders_are_bit_exact(images: list[Image]) -> None:
    """Pillow's, TorchCodec's and DALI's decoders give the same bits."""
    kinds = {"TorchCodec": decode_jpeg()} | ({} if dali_shared.missing() else {"DALI": dali_decoder()})
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
        assert all(torch.equal(decode(image.path), pixels) for decode in TENSORS)


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
    assert all(torch.equal(decode(images[0].path), wanted) for decode in TENSORS)
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
    "moving.webp": SMOOTH,
    "transparent.gif": SMOOTH.quantize(16),
    "rgba.webp": Pillow.merge("RGBA", [*SMOOTH.split(), HALF]),
    "wrongly named.jpg": SMOOTH,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_become_rgb(name: str, tmp_path: Path) -> None:
    """Grey, palette, CMYK, transparent and other files decode to the same RGB with all decoders, and with the
    code that is printed."""
    picture, path = ODD[name], tmp_path / name
    options: dict[str, Any] = {"transparency": 3} if name.startswith("transparent") else {}
    if name.startswith("moving"):
        options = {"save_all": True, "append_images": [SMOOTH.rotate(180).quantize(16)]}
    picture.save(path, **options, **({"format": "PNG"} if name.startswith("wrongly") else {}))
    by_pillow = decoders.levels_of(decoders.with_pillow(str(path)))
    for decode in (*TENSORS, printed):
        assert torch.equal(decode(str(path)), by_pillow), decode
    assert by_pillow.dtype == torch.uint8 and by_pillow.shape == (3, 40, 50)
    off = (by_pillow.short() - decoders.levels_of(picture.convert("RGB")).short()).abs().float()
    assert float(off.mean()) < (5 if path.suffix in (".jpg", ".webp") else 0.01)


def printed(path: str) -> torch.Tensor:
    """A file as the code that `tune` prints decodes it."""
    names: dict[str, Any] = {}
    exec(snippets.DECODED, names)
    pixels: torch.Tensor = names["decoded"](path)
    return pixels


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "avif"])
@pytest.mark.parametrize("turn", [1, 3, 6, 7])
def test_no_decoder_turns_an_image(ending: str, turn: int, tmp_path: Path) -> None:
    """Whatever its EXIF orientation: TorchCodec has no option against it."""
    path, tags = tmp_path / f"a.{ending}", Pillow.Exif()
    tags[0x0112] = turn
    SMOOTH.save(path, exif=tags)
    stored = decoders.levels_of(decoders.with_pillow(str(path)))
    for decode in (*TENSORS, printed):
        assert torch.equal(decode(str(path)), stored), decode
    if ending == "jpg":
        assert torch.equal(decoders.jpegs_to_tensors([path.read_bytes()])[0], stored)


@needs_torchcodec
def test_where_a_jpeg_has_its_orientation(tmp_path: Path) -> None:
    """In a segment that TorchCodec finds: after other segments, and after fill bytes."""
    file, tags = io.BytesIO(), Pillow.Exif()
    tags[0x0112] = 6
    SMOOTH.save(file, "JPEG", exif=tags, comment=b"\xff\xe1 is no segment here", icc_profile=bytes(70000))
    content = file.getvalue()
    at = content.index(b"\xff\xe1\0")
    stored = decoders.levels_of(decoders.with_pillow("a", content))
    for odd in (content, content[:at] + b"\xff\xff" + content[at:], content[:at] + b"\xff" + content[at:]):
        from torchcodec.decoders import decode_image

        assert decode_image(torch.frombuffer(bytearray(odd), dtype=torch.uint8)).shape == (3, 50, 40)
        encoded = bytearray(odd)
        assert as_stored(encoded) and sum(a != b for a, b in zip(encoded, odd, strict=True)) == 1
        assert torch.equal(decoders.with_torchcodec("a", odd), stored)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"RIFF....WEBPVP8X", b"GIF89a", b"BM"]
)
def test_what_is_no_whole_file_is_for_pillow(content: bytes) -> None:
    """It has no pixels to find, or not those that TorchCodec decodes."""
    assert not as_stored(bytearray(content)) or content.endswith(b"VP8X")
    with pytest.raises(DataError, match="odd cannot be decoded"):
        decoders.to_tensor("odd", content)


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
    assert torch.equal(decoders.levels_of(decoders.with_pillow(str(path))), wanted)
    for decode in TENSORS:
        assert torch.equal(decode(str(path)), wanted), decode


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
@pytest.mark.parametrize("decode", [decoders.with_pillow, *TENSORS])
def test_a_damaged_file_is_named(decode: Any, damage: str, images: list[Image], tmp_path: Path) -> None:
    """All decoders refuse the same damaged files, and name them."""
    with pytest.raises(DataError, match=r"victim\.jpg cannot be decoded"):
        decode(str(_victim(images, damage, tmp_path)))


@pytest.mark.parametrize("decode", [decoders.with_pillow, *TENSORS])
def test_a_huge_image_is_named(
    decode: Any, images: list[Image], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An image above Pillow's limit of pixels, a bomb perhaps, is refused by all decoders."""
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(DataError, match=r"00\.jpg cannot be decoded .*limit"):
        decode(images[0].path)


# --- which decoder there is ---------------------------------------------------------------------------------


@pytest.fixture
def anew() -> Iterator[None]:
    """What was found out about TorchCodec before is forgotten, and again afterwards."""
    decoders.without_torchcodec.cache_clear()
    yield
    decoders.without_torchcodec.cache_clear()


def _absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)


def _older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", ModuleType("torchcodec.decoders"))


def _unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(name: str) -> ModuleType:
        raise OSError("libtorchcodec_image.so: undefined symbol\nand much more")

    monkeypatch.setattr("importlib.import_module", imported)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)


def _without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(source: object, device: str) -> None:
        raise RuntimeError("decode_jpeg: torchcodec was not compiled with libjpeg support")

    built = SimpleNamespace(decode_image=refuses, decode_jpeg=refuses)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", cast(ModuleType, built))


@needs_torchcodec
@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("without", "why"),
    [
        (_absent, r"TorchCodec is not installed \(pip install 'torchcodec>=0\.16'\)$"),
        (_older, r"TorchCodec [0-9.]+ decodes no images \(pip install 'torchcodec>=0\.16'\)$"),
        (_unusable, "TorchCodec [0-9.]+ cannot be used: libtorchcodec_image.so: undefined symbol$"),
        (_without_a_library, "TorchCodec [0-9.]+ cannot be used: .*not compiled with libjpeg support$"),
    ],
)
def test_without_torchcodec(
    without: Callable[[pytest.MonkeyPatch], None],
    why: str,
    images: list[Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torchvision decodes the same pixels, and the reason is there to be shown."""
    importlib.import_module("torchcodec.decoders")
    stored = decoders.levels_of(decoders.with_pillow(images[0].path))
    without(monkeypatch)
    assert re.match(why, str(decoders.without_torchcodec()))
    assert decoders.tensor_decoder() == "torchvision" and decoders.missing() is None
    assert torch.equal(decoders.to_tensor(images[0].path), stored)
    assert torch.equal(decoders.jpegs_to_tensors([Path(images[0].path).read_bytes()])[0], stored)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert without is _without_a_library or torch.equal(printed(images[0].path), stored)


@pytest.mark.usefixtures("anew")
def test_without_either(images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaders of tensors are missing, with both reasons; what decodes fastest is Pillow then."""
    _absent(monkeypatch)
    monkeypatch.delattr("torchvision.io.decode_image")
    assert str(decoders.missing()).startswith(
        "this torchvision decodes no images any more; TorchCodec is not"
    )
    assert decoders.tensor_decoder() is None
    assert torch.equal(
        decoders.to_tensor(images[0].path), decoders.levels_of(decoders.with_pillow(images[0].path))
    )


def test_a_torchcodec_that_cannot_be_used_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim about it has the reason, as where it is not installed."""
    claim = runpy.run_path(str(ROOT / "benchmarks/loading/bench_image_decoders.py"))["bench_image_decoders"]
    monkeypatch.setattr(decoders, "without_torchcodec", lambda: "TorchCodec 0.10 decodes no images")
    with pytest.raises(pytest.skip.Exception, match="decodes no images"):
        claim(None, None, "jpeg")


@needs_torchcodec
def test_what_decodes_for_a_gpu_is_found_separately() -> None:
    """A TorchCodec without nvJPEG, or without a GPU, decodes on the CPU all the same."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert " cannot be used: " in str(decoders.without_torchcodec("cuda"))
    assert decoders.without_torchcodec() is None


@needs_torchcodec
def test_threads_leave_the_filters_of_warnings_alone(
    images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TorchCodec changes them, for all threads, where it is given a path or bytes."""

    def changed(*given: object, **options: object) -> None:
        raise AssertionError("the filters of warnings were changed")

    monkeypatch.setattr("torchcodec.decoders._image_decoders.warnings.filterwarnings", changed)
    for decode in (decoders.to_tensor, printed):
        decode(images[0].path)
    decoders.jpegs_to_tensors(contents_of(images[:1]))
