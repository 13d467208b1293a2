"""DALI's loaders on the CPU, for real: the same samples, pixels, crops and errors as a DataLoader's, nothing
left."""

from __future__ import annotations

import gc
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import psutil
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor

from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs
from harness.loading.data.folder import DataError, Image
from harness.loading.loaders.dali import PipelineLoader
from harness.loading.loaders.dali_dynamic import DynamicLoader
from harness.loading.loaders.dali_proxy import ProxyLoader
from harness.loading.loaders.dali_shared import missing
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from tests.support.living import until

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.usefixtures("one_thread"),
]

PIPELINE = pytest.param(PipelineLoader, id="pipeline")
DYNAMIC = pytest.param(DynamicLoader, id="dynamic")
CAPTURE = pytest.param(partial(DynamicLoader, capture=True), id="capture")
# Once is enough for the proxy: its server takes five seconds to stop.
PROXY = pytest.param(ProxyLoader, id="proxy")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """Eleven smooth JPEGs of different sizes and three classes."""
    root, random = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    made = []
    for index in range(11):
        blocks = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        path = root / f"{index}.jpg"
        size = (400 + 7 * index, 300) if index % 2 else (290, 380 + 5 * index)
        Pillow.fromarray(blocks).resize(size, Pillow.Resampling.BICUBIC).save(path, quality=92)
        made.append(Image(str(path), index % 3))
    return made


@pytest.fixture
def checkered(tmp_path: Path) -> list[Image]:
    """JPEGs with sharp edges, whose resized sides are well off a whole pixel and need smoothing.

    Their long side's fraction is below a half: there Pillow, which cuts it off, and DALI, which rounds it,
    agree.
    """
    random = np.random.default_rng(0)
    made = []
    for index, size in enumerate([(812, 600), (600, 798), (406, 300), (300, 399), (1218, 900)]):
        blocks = Pillow.fromarray(random.integers(0, 256, (80, 80, 3), dtype=np.uint8))
        path = tmp_path / f"{index}.jpg"
        blocks.resize(size, Pillow.Resampling.NEAREST).save(path, quality=95)
        made.append(Image(str(path), 0))
    return made


class Kept:
    """A step that keeps what it is given."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        """Keep the images."""
        self.images.append(images.clone())


def _native_threads() -> int:
    return psutil.Process().num_threads()


@pytest.mark.parametrize("kind", [PIPELINE, DYNAMIC, CAPTURE, PROXY])
def test_every_sample_every_epoch(kind: Any, photographs: list[Image]) -> None:
    """Every epoch delivers what a DataLoader's does, the short last batch included, also after an early
    break."""
    expected = PlainLoader(partial(Photographs, photographs), batch_size=2)()
    with kind(photographs, batch_size=2, threads=2) as loader:
        for _ in range(3):
            same_samples(expected, loader())
        loader.leave_early()
        same_samples(expected, loader())


@pytest.mark.parametrize("kind", [PIPELINE, DYNAMIC, CAPTURE])
def test_nothing_left(kind: Any, photographs: list[Image]) -> None:
    """A closed loader leaves no thread: a second one leaves no more than the first, whose are the
    library's."""

    def left() -> tuple[int, int, int]:
        return _native_threads(), threading.active_count(), len(psutil.Process().children())

    def no_more(than: tuple[int, int, int]) -> bool:
        return all(now <= before for now, before in zip(left(), than, strict=True))

    counts = []
    for _ in range(2):
        with kind(photographs, batch_size=2, threads=2) as loader:
            loader()
            loader.leave_early()
        counts.append(left())
    # A thread that was asked to end is there a moment longer.
    assert until(lambda: no_more(counts[0])), counts


@pytest.mark.parametrize("kind", [PIPELINE, DYNAMIC, CAPTURE])
def test_pixels_are_pillows(kind: Any, checkered: list[Image]) -> None:
    """With nothing random, pixels are within a level or two of Pillow's, and batches have equal shapes and
    type."""
    kept = [Kept(), Kept()]
    PlainLoader(partial(Photographs, checkered, recipe.fixed), batch_size=4, step=kept[0])()
    with kind(checkered, batch_size=4, threads=2, fixed=True, step=kept[1]) as loader:
        loader()
    expected, got = (torch.cat(each.images) for each in kept)
    assert [each.shape for each in kept[0].images] == [each.shape for each in kept[1].images]
    assert got.dtype == expected.dtype
    levels = (got - expected).abs() * 255 * torch.tensor(recipe.STD)[:, None, None]
    assert levels.max() < 2.5 and levels.mean() < 0.5


@pytest.mark.parametrize("damage", ["truncated", "no image", "gone"])
@pytest.mark.parametrize("kind", [PIPELINE, DYNAMIC, CAPTURE])
def test_damaged_file_is_named(kind: Any, damage: str, photographs: list[Image], tmp_path: Path) -> None:
    """A damaged JPEG is an error that names the file, not a hang and not a grey picture."""
    _expect_named(kind, damage, photographs, tmp_path)


def test_proxy_names_a_damaged_file(photographs: list[Image], tmp_path: Path) -> None:
    """Through the proxy, too, a damaged JPEG is an error that names the file."""
    _expect_named(ProxyLoader, "truncated", photographs, tmp_path)


def _expect_named(kind: Any, damage: str, photographs: list[Image], folder: Path) -> None:
    victim = folder / "victim.jpg"
    content = Path(photographs[0].path).read_bytes()
    if damage != "gone":
        victim.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"no image" * 50)
    images = [*photographs[:6], Image(str(victim), 0), *photographs[6:]]
    named = pytest.raises(DataError, match=r"victim\.jpg cannot be decoded")
    with named, kind(images, batch_size=2, threads=2) as loader:
        loader()


def test_gpu_decoding_without_a_gpu(photographs: list[Image]) -> None:
    """Asking for a GPU where there is none is DALI's own clear error, and no fault of a file."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with (
        pytest.raises(RuntimeError),
        PipelineLoader(photographs, batch_size=2, threads=2, decoder="gpu", device="cuda") as loader,
    ):
        loader()


@pytest.mark.parametrize("capture", [False, True])
def test_a_dynamic_loader_for_the_cpu_opens_no_gpu(
    photographs: list[Image], monkeypatch: pytest.MonkeyPatch, capture: bool
) -> None:
    """Where DALI sees one its default device would be the GPU, in its own threads, too."""
    device = pytest.importorskip("nvidia.dali.experimental.dynamic").Device
    backend = pytest.importorskip("nvidia.dali.backend")

    def opened(*_: object) -> int:
        raise AssertionError("a GPU was asked for")

    monkeypatch.setattr(device, "_default_device_type", staticmethod(lambda: "gpu"))
    monkeypatch.setattr(backend, "GetCUDACurrentDevice", opened)
    monkeypatch.setattr(backend, "SetCUDACurrentDevice", opened)
    with pytest.raises(AssertionError, match="a GPU was asked for"):
        device.current()
    with DynamicLoader(photographs, batch_size=2, threads=1, capture=capture) as loader:
        for _ in range(2):
            assert loader().ids.numel() == len(photographs)


@pytest.mark.parametrize("frozen", [True, False])
def test_what_was_set_aside_stays_so(frozen: bool) -> None:
    """The proxy hides what is there from its workers' collector, and leaves what its process set aside
    before."""
    before = gc.get_freeze_count() > len(gc.get_objects())
    gc.unfreeze()
    if frozen:
        gc.freeze()
    idle: Any = SimpleNamespace(_server=MagicMock())
    try:
        assert list(ProxyLoader._kept(idle, [])) == []
        assert (gc.get_freeze_count() > len(gc.get_objects())) is frozen
    finally:
        gc.unfreeze()
        if before:
            gc.freeze()
