"""Tar shards: each image once an epoch whatever the number of workers, and errors where a shard is not
whole."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from harness.loading.data import recipe, shards
from harness.loading.data.dataset import Photographs
from harness.loading.data.decoders import to_tensor
from harness.loading.data.folder import DataError, Image
from harness.loading.data.shards import ShardedPhotographs, Shards, missing, sharded
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import same_samples
from tests.support.photographs import COUNT, by_id, delivered, photographs

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("error:The image decoding and encoding capabilities:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Image]]:
    """Two dozen photographs, and a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that a test may damage."""
    monkeypatch.setenv("TIPBENCH_CACHE", str(tmp_path))


def _loader(written: Shards, images: list[Image], workers: int = 0) -> PlainLoader:
    dataset = partial(ShardedPhotographs, written, images, recipe.fixed_v2)
    return PlainLoader(dataset, batch_size=5, workers=workers)


@pytest.mark.parametrize(("workers", "pixels"), [(0, False), (1, True), (2, False), (3, True), (5, False)])
def test_every_sample_once_whatever_the_workers(images: list[Image], workers: int, pixels: bool) -> None:
    """Every epoch has each id once with its label, also with more workers than shards or shards of unequal
    length."""
    written = sharded(images[:22], pixels=pixels, count=4)
    with _loader(written, images[:22], workers) as loader:
        for _ in range(2):
            epoch = loader()
            assert sorted(epoch.ids.tolist()) == list(range(22))
            assert [images[place].label for place in epoch.ids.tolist()] == epoch.labels.tolist()


def test_the_order_is_the_declared_one(images: list[Image]) -> None:
    """One worker goes through the shards from front to back; two take turns, batch by batch, each with its
    last one."""
    written = sharded(images, count=4)
    shard = [list(range(first, COUNT, 4)) for first in range(4)]
    with _loader(written, images) as alone, _loader(written, images, 2) as two:
        assert alone().ids.tolist() == [place for one in shard for place in one]
        own = [shard[0] + shard[2], shard[1] + shard[3]]
        turns = [own[worker][start : start + 5] for start in range(0, 12, 5) for worker in (0, 1)]
        assert [batch[2].tolist() for batch in delivered(two)] == turns


def test_images_come_round_again(images: list[Image]) -> None:
    """An epoch longer than the images goes through the shards again, as far as it lasts."""
    longer = [images[place % COUNT] for place in range(60)]
    written = sharded(longer, count=4)
    assert len(written.images) == COUNT
    with (
        _loader(written, longer, 2) as loader,
        PlainLoader(partial(Photographs, longer), batch_size=8) as plain,
    ):
        same_samples(plain(), loader())


def test_another_order_is_refused(images: list[Image]) -> None:
    """An epoch with the images in another order than they were written in would get other ids: an error."""
    with pytest.raises(ValueError, match="in the order"):
        ShardedPhotographs(sharded(images, count=4), images[::-1])


@pytest.mark.parametrize("pixels", [False, True])
def test_pixels_are_those_of_the_folder(images: list[Image], pixels: bool) -> None:
    """Under the recipe with nothing random, shards of files and of pixels give the folder's pixels bit for
    bit."""
    plain = PlainLoader(partial(Photographs, images, recipe.fixed_v2), batch_size=5)
    with plain, _loader(sharded(images, pixels=pixels, count=4), images, 1) as loader:
        assert torch.equal(by_id(delivered(loader)), by_id(delivered(plain)))


def test_other_decoders_read_shards_too(images: list[Image]) -> None:
    """What is in a shard goes to the decoder that was asked for."""
    dataset = partial(ShardedPhotographs, sharded(images, count=4), images, recipe.fixed_v2, to_tensor)
    plain = PlainLoader(partial(Photographs, images, recipe.fixed_v2, to_tensor), batch_size=5)
    with plain, PlainLoader(dataset, batch_size=5) as loader:
        assert torch.equal(by_id(delivered(loader)), by_id(delivered(plain)))


def test_made_once_and_anew_for_other_labels(images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are written on first use alone; images with other labels, or in another order, have their
    own."""
    first = sharded(images, count=4)
    with monkeypatch.context() as patch:
        patch.setattr(shards, "_write", lambda *_, **__: pytest.fail("written again"))
        assert sharded(images, count=4) == first
    relabelled = [Image(image.path, image.label + 1) for image in images]
    for others in (relabelled, images[::-1]):
        written = sharded(others, count=4)
        assert written.files[0] != first.files[0]
        with _loader(written, others) as loader:
            epoch = loader()
        assert [others[place].label for place in epoch.ids.tolist()] == epoch.labels.tolist()


def test_more_shards_than_images(images: list[Image]) -> None:
    """Three images fill three shards, not sixteen."""
    written = sharded(images[:3])
    assert len(written.files) == 3
    with _loader(written, images[:3], 2) as loader:
        assert sorted(loader().ids.tolist()) == [0, 1, 2]


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("damage", ["cut", "no archive", "gone", "shorter"])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_shard_is_named(images: list[Image], damage: str, workers: int) -> None:
    """A shard that cannot be read, or holds less than was written, is an error that says what to remove."""
    written = sharded(images, count=4)
    victim = written.files[1]
    content = victim.read_bytes()
    if damage == "gone":
        victim.unlink()
    elif damage == "shorter":
        with tarfile.open(victim) as archive:
            members = [(entry, archive.extractfile(entry)) for entry in archive.getmembers()]
            kept = [(entry, source.read()) for entry, source in members[:-2] if source]
        with tarfile.open(victim, "w") as archive:
            for entry, data in kept:
                archive.addfile(entry, io.BytesIO(data))
    else:
        victim.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no archive" * 300)
    with (
        pytest.raises(DataError, match=rf"remove {victim.parent}"),
        _loader(written, images, workers) as loader,
    ):
        loader()


@pytest.mark.usefixtures("own_cache")
def test_a_damaged_image_is_named(images: list[Image], tmp_path: Path) -> None:
    """An image that cannot be decoded is named by its file: from shards of files in the loop, else when
    written."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(Path(images[0].path).read_bytes()[:900])
    given = [*images[:4], Image(str(broken), 0)]
    named = pytest.raises(DataError, match=r"broken\.jpg cannot be decoded")
    with named, _loader(sharded(given, count=2), given, 1) as loader:
        loader()
    with pytest.raises(DataError, match=r"broken\.jpg cannot be decoded"):
        sharded(given, pixels=True, count=2)
