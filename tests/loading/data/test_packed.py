"""Packed pixels: what decoding gives, made once, read by any process from one file."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image as Pillow
from torchvision import transforms

from harness.loading.data import packed as module
from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs, decoded
from harness.loading.data.decoders import levels_of
from harness.loading.data.folder import DataError, Image
from harness.loading.data.packed import packed
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from tests.support.photographs import photographs


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """Six photographs, one of them small."""
    root = tmp_path_factory.mktemp("photographs")
    images = photographs(root, 6)
    Pillow.open(images[5].path).resize((90, 130)).save(images[5].path)
    return images


@pytest.fixture
def images(photos: list[Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Image]]:
    """Copies that a test may change, and a cache of its own."""
    monkeypatch.setenv("TIPBENCH_CACHE", str(tmp_path / "cache"))
    copies = []
    for image in photos:
        copy = tmp_path / Path(image.path).name
        shutil.copy(image.path, copy)
        copies.append(Image(str(copy), image.label))
    yield copies


def test_pixels_are_those_that_decoding_gives(images: list[Image]) -> None:
    """Each image's packed pixels are the middle of it as Pillow decodes and resizes it, bit for bit."""
    geometry = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(256)])
    pixels = packed(images)
    for image in images:
        assert torch.equal(pixels(image.path), levels_of(geometry(decoded(image.path))))


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_are_those_of_the_folder(images: list[Image], workers: int) -> None:
    """Ids, labels and, under the recipe with nothing random, pixels are those of the files, from workers
    too."""
    given = [images[place % 6] for place in (3, 0, 5, 1, 4, 2, 2, 0)]
    datasets = [
        partial(Photographs, given, recipe.fixed_v2),
        partial(Photographs, given, recipe.fixed_v2, packed(given)),
    ]
    loaders = [PlainLoader(dataset, batch_size=3, workers=workers) for dataset in datasets]
    with loaders[0] as folder, loaders[1] as packed_loader:
        same_samples(folder(), packed_loader())
        for expected, got in zip(folder.batches(), packed_loader.batches(), strict=True):
            assert torch.equal(expected[0], got[0])


def test_made_once_and_anew_when_a_file_changes(images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is made on first use alone, whatever the order of the images; a changed image is packed
    anew."""
    first = packed(images)
    with monkeypatch.context() as patch:
        patch.setattr(module, "pixels_of", lambda paths: pytest.fail("packed again"))
        assert packed(images[::-1]).file == first.file
    os.utime(images[4].path, ns=(1, 1))
    touched = packed(images)
    assert touched.file != first.file
    Pillow.new("RGB", (300, 300), "red").save(images[2].path, quality=95)
    second = packed(images)
    assert second.file not in (first.file, touched.file)
    red = second(images[2].path)
    assert int(red[0].min()) > 250 and int(red[1:].max()) < 5
    assert torch.equal(first(images[1].path), second(images[1].path))


def test_it_travels_as_a_name(images: list[Image]) -> None:
    """To another process goes the file's name, not its pixels; it is opened there."""
    pixels = packed(images)
    before = pixels(images[0].path)
    sent = pickle.dumps(pixels)
    assert len(sent) < 2000
    assert torch.equal(pickle.loads(sent)(images[0].path), before)


def test_what_is_handed_out_is_a_copy(images: list[Image]) -> None:
    """A sample that is changed in place changes nothing for the next one."""
    pixels = packed(images)
    pixels(images[0].path).zero_()
    assert int(pixels(images[0].path).max()) > 0


def test_another_file_is_an_error(images: list[Image]) -> None:
    """An image that was not packed is named."""
    with pytest.raises(DataError, match=r"other\.jpg is not among the 6 images"):
        packed(images)("other.jpg")


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_file_is_named_and_nothing_kept(images: list[Image], damage: str, tmp_path: Path) -> None:
    """A file that cannot be decoded is named, and no half-made file stays."""
    victim = Path(images[3].path)
    if damage == "cut":
        victim.write_bytes(victim.read_bytes()[:900])
    else:
        victim.unlink()
    with pytest.raises(DataError, match=rf"{victim.name} cannot be"):
        packed(images)
    assert not (tmp_path / "cache").exists() or not any((tmp_path / "cache").iterdir())


def test_no_room_is_said_before_decoding(images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room is an error with both sizes and the remedy, before anything is decoded."""
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    monkeypatch.setattr(module, "pixels_of", lambda paths: pytest.fail("decoded"))
    with pytest.raises(DataError, match=r"take 1 MB and .* has 1 MB to spare: set TIPBENCH_CACHE"):
        packed(images)
