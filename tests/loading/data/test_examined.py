"""The quick look at image files: damaged ones are found without decoding the others, and odd ones are
compared."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image as Pillow

from harness.loading.data import examined
from harness.loading.data.decoders import with_pillow
from harness.loading.data.examined import examine, orientation, typical
from harness.loading.data.folder import DataError, Image
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loaders.kind import LoaderRequest
from harness.loading.loop.check import first_difference
from harness.model import Setting
from harness.tune.messages import CheckDelivery, LoaderPlan
from harness.tune.worker import LoaderWorker

NOISE = Pillow.effect_noise((300, 280), 60).convert("RGB")


def saved(folder: Path, count: int, turned: tuple[int, ...] = ()) -> list[Image]:
    """So many JPEGs in one class; those at the places named are to be turned when they are shown."""
    place = folder / "a"
    place.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        tags = Pillow.Exif()
        if number in turned:
            tags[0x0112] = 6
        NOISE.save(place / f"{number:03}.jpg", exif=tags)
    return [Image(str(place / f"{number:03}.jpg"), 0) for number in range(count)]


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-500]),
    "no image": lambda path: path.write_text("not an image"),
    "gone": lambda path: path.unlink(),
}


def test_damaged_files_are_found_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its reason; only what looks odd is decoded."""
    images = saved(tmp_path, 8)
    for number, spoil in enumerate(DAMAGE.values()):
        spoil(Path(images[2 * number].path))
    padded = Path(images[1].path)
    padded.write_bytes(padded.read_bytes() + bytes(500))
    decoded: list[str] = []
    whole = with_pillow

    def counted(path: str) -> Pillow.Image:
        decoded.append(path)
        return whole(path)

    monkeypatch.setattr(examined, "with_pillow", counted)
    found = examine(images, 60.0)
    assert found.seen == 8
    assert list(found.damaged) == [images[place].path for place in (0, 2, 4, 6)]
    assert all("cannot be decoded" in why for why in found.damaged.values())
    assert decoded == [images[place].path for place in (0, 1, 2, 4, 6)]


def test_a_look_ends_when_its_time_does(tmp_path: Path) -> None:
    """What there was no time for counts as sound."""
    images = saved(tmp_path, 3)
    Path(images[2].path).write_bytes(b"")
    ticks = iter([0.0, 0.0, 1.0, 5.0])
    found = examine(images, 2.0, now=lambda: next(ticks))
    assert found.seen == 2 and not found.damaged


def test_a_sample_has_one_of_each_way_of_storing_images(tmp_path: Path) -> None:
    """The one turned image among many, a grey one and a CMYK one are in it; the rest is spread over all of
    them."""
    images = saved(tmp_path, 60, turned=(58,))
    Pillow.effect_noise((30, 30), 60).save(images[31].path)
    NOISE.convert("CMYK").save(images[44].path)
    chosen = typical(images, 16, 60.0)
    assert len(chosen) == len(set(chosen)) == 16
    assert {images[58], images[31], images[44]} <= set(chosen)
    places = sorted(images.index(image) for image in chosen)
    assert max(after - before for before, after in pairwise(places)) <= 10
    assert typical(images[:4], 16, 60.0) == images[:4] or len(typical(images[:4], 16, 60.0)) == 4
    assert len(typical(images, 16, 0.0)) == 16


def test_the_tag_is_read(tmp_path: Path) -> None:
    """1 is how an image is stored that nobody needs to turn, and what a file is said to have that cannot be
    read."""
    images = saved(tmp_path, 2, turned=(1,))
    assert [orientation(image.path) for image in images] == [1, 6]
    assert orientation(str(tmp_path / "none.jpg")) == 1


def test_a_kind_that_turns_the_last_image_is_found_and_the_tag_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many images come before it."""
    saved(tmp_path, 60, turned=(59,))
    worker = LoaderWorker(LoaderPlan(str(tmp_path), "cpu", "none"))
    assert worker.check(CheckDelivery(Setting("dataloader", 0, 0, 4))) is None

    def turning(setting: object, images: list[Image], *_: object) -> object:
        loader = LOADER_KINDS["dataloader"].make(
            LoaderRequest(Setting("dataloader", 0, 0, 5), images, worker.device, fixed=True)
        )
        decode = loader.dataset.decode  # type: ignore[attr-defined]
        loader.dataset.decode = lambda path: (  # type: ignore[attr-defined]
            decode(path).transpose(Pillow.Transpose.ROTATE_270) if orientation(path) == 6 else decode(path)
        )
        return loader

    made = worker._made
    monkeypatch.setattr(
        worker,
        "_made",
        lambda kind, setting, images, *, fixed=False: (
            turning(setting, images) if kind.name == "tensors" else made(kind, setting, images, fixed=fixed)
        ),
    )
    difference = worker.check(CheckDelivery(Setting("tensors", 0, 0, 4)))
    assert difference is not None
    assert "059.jpg, EXIF orientation 6): its pixels are" in difference


def test_a_loader_process_leaves_out_damaged_images(tmp_path: Path) -> None:
    """At once and all of them; without any other image it cannot go on."""
    images = saved(tmp_path, 4)
    for image in images[:2]:
        Path(image.path).write_bytes(b"")
    worker = LoaderWorker(LoaderPlan(str(tmp_path), "cpu", "none"))
    assert list(worker.find_damaged(60.0)) == [image.path for image in images[:2]]
    assert worker.images == images[2:]
    with pytest.raises(DataError, match="none of the images"):
        worker.leave_out([image.path for image in images[2:]])


def test_what_is_known_of_a_sample_is_said() -> None:
    """Only where its pixels differ."""
    import torch

    batch = torch.zeros(1, 3, 8, 8), torch.zeros(1), torch.zeros(1)
    other = torch.ones(1, 3, 8, 8), torch.zeros(1), torch.zeros(1)
    assert (first_difference([batch], [other], lambda place: f"file {place}") or "").startswith(
        "sample 0 (file 0): its pixels"
    )
    assert (first_difference([batch], [other]) or "").startswith("sample 0: its pixels")
