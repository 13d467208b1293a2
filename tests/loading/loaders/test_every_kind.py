"""Every kind of loader beside the plain one: the same samples, pixels and crops, and the same files
refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from scipy.stats import ks_2samp
from torch import Tensor

from harness.loading.data import decoders, recipe, shards
from harness.loading.data.dataset import Photographs
from harness.loading.data.folder import DataError, Image
from harness.loading.data.packed import packed
from harness.loading.data.shards import ShardedPhotographs, sharded
from harness.loading.loaders import background, dali_shared, nodes, spdl
from harness.loading.loaders.dali import PipelineLoader
from harness.loading.loaders.dali_dynamic import DynamicLoader
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.nodes import NodesLoader
from harness.loading.loaders.spdl import SpdlLoader
from harness.loading.loaders.uint8 import CountedLoader, Uint8Loader
from harness.loading.loop.check import first_difference
from harness.loading.loop.epoch import same_samples
from harness.loading.loop.loader import Loader
from support.decoding import Decoded, same_levels
from support.device_decoding import DeviceDecodingLoader
from support.disk import DiskLoader, EvictedFiles
from tests.support.living import alive, since
from tests.support.photographs import COUNT, by_id, delivered, levels, photographs, ramp

pytestmark = [
    pytest.mark.filterwarnings("error:The image decoding and encoding capabilities:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.usefixtures("one_thread"),
]

BATCH = 5
Make = Callable[..., Loader]
"""Makes a loader of images, with the recipe that is fixed or not, in batches of so many."""


def _dataset(images: list[Image], fixed: bool, sort: str = "v2", **options: Any) -> Any:
    recipes = {"v1": (recipe.augmented, recipe.fixed), "v2": (recipe.augmented_v2, recipe.fixed_v2)}
    return partial(Photographs, images, recipes[sort][fixed], **options)


def _plain(
    images: list[Image],
    fixed: bool,
    batch: int = BATCH,
    *,
    sort: str = "v1",
    workers: int = 0,
    **options: Any,
) -> Loader:
    return PlainLoader(_dataset(images, fixed, sort, **options), batch_size=batch, workers=workers)


def _background(images: list[Image], fixed: bool, batch: int = BATCH) -> Loader:
    return background.BackgroundLoader(_dataset(images, fixed, "v1"), batch_size=batch)


def _uint8(images: list[Image], fixed: bool, batch: int = BATCH) -> Loader:
    made = partial(recipe.fixed_v2 if fixed else recipe.augmented_v2, floats=False)
    return Uint8Loader(partial(Photographs, images, made, decoders.to_tensor), batch_size=batch, workers=2)


def _device_decoding(images: list[Image], fixed: bool, batch: int = BATCH) -> Loader:
    made = recipe.fixed_v2 if fixed else recipe.augmented_v2
    return DeviceDecodingLoader(images, transform=made, batch_size=batch, workers=1)


def _threads(kind: Any, images: list[Image], fixed: bool, batch: int = BATCH) -> Loader:
    made: Loader = kind(_dataset(images, fixed, decode=decoders.to_tensor), batch_size=batch, threads=2)
    return made


def _packed(images: list[Image], fixed: bool, batch: int = BATCH) -> Loader:
    return _plain(images, fixed, batch, sort="v2", decode=packed(images))


def _shards(images: list[Image], fixed: bool, batch: int = BATCH, *, pixels: bool) -> Loader:
    made = recipe.fixed_v2 if fixed else recipe.augmented_v2
    dataset = partial(ShardedPhotographs, sharded(images, pixels=pixels, count=4), images, made)
    return PlainLoader(dataset, batch_size=batch)


def _dali(kind: Any, images: list[Image], fixed: bool, batch: int = BATCH) -> Loader:
    made: Loader = kind(images, batch_size=batch, threads=2, fixed=fixed)
    return made


def _kind(name: str, make: Any, most: float, mean: float, reason: str | None = None) -> Any:
    skip = pytest.mark.skipif(reason is not None, reason=str(reason))
    return pytest.param(make, most, mean, id=name, marks=skip)


FAST: dict[str, Any] = {"sort": "v2", "decode": decoders.to_tensor}
# Each with the levels of 256 that a pixel may be off from transforms v1 on Pillow's images: at most, and in
# the mean.
EXACT = [
    _kind("background", _background, 0, 0, background.missing()),
    _kind("v2", partial(_plain, sort="v2"), 1e-3, 1e-4),
    _kind("v2 of packed pixels", _packed, 1e-3, 1e-4),
    _kind("v2 of shards", partial(_shards, pixels=False), 1e-3, 1e-4, shards.missing()),
    _kind("v2 of shards of pixels", partial(_shards, pixels=True), 1e-3, 1e-4, shards.missing()),
]  # fmt: skip
TENSORS = [
    _kind("v2 on tensors", partial(_plain, **FAST), 1.5, 0.01, decoders.missing()),
    _kind("v2 on tensors, two workers", partial(_plain, workers=2, **FAST), 1.5, 0.01, decoders.missing()),
    _kind("uint8", _uint8, 1.5, 0.01, decoders.missing()),
    _kind("decoded on the device", _device_decoding, 1.5, 0.01, decoders.missing()),
    _kind("SPDL", partial(_threads, SpdlLoader), 1.5, 0.01, spdl.missing()),
    _kind("nodes", partial(_threads, NodesLoader), 1.5, 0.01, nodes.missing()),
]
DALI = [
    _kind("DALI", partial(_dali, PipelineLoader), 1.5, 0.3, dali_shared.missing()),
    _kind("DALI, dynamic", partial(_dali, DynamicLoader), 1.5, 0.3, dali_shared.missing()),
]
CAPTURED = _kind(
    "DALI, captured", partial(_dali, partial(DynamicLoader, capture=True)), 1.5, 0.3, dali_shared.missing()
)
KINDS = [*EXACT, *TENSORS, *DALI]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Image]]:
    """Two dozen photographs, and a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture(scope="module")
def oddly_named(images: list[Image]) -> list[Image]:
    """The same photographs, one of them under a name that is not UTF-8, as Linux allows."""
    path = os.fsdecode(os.fsencode(Path(images[3].path).parent) + b"/caf\xe9.jpg")
    os.link(images[3].path, path)
    return [image._replace(path=path) if place == 3 else image for place, image in enumerate(images)]


@pytest.fixture(scope="module")
def expected(images: list[Image]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """What the plain loader delivers of them with nothing random."""
    return delivered(_plain(images, True))


# --- the fairness table -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "most", "mean"), KINDS)
def test_same_samples_and_pixels(
    make: Make,
    most: float,
    mean: float,
    images: list[Image],
    oddly_named: list[Image],
    expected: list[tuple[Tensor, Tensor, Tensor]],
) -> None:
    """Every kind delivers each sample once with its label, in batches of equal form, and pixels within its
    bound, whatever a file is called; DALI's reader knows no such name."""
    with make(images if getattr(make, "func", make) is _dali else oddly_named, True) as loader:
        batches = delivered(loader)
        same_samples(_plain(images, True)(), loader())
    assert sorted(len(batch[2]) for batch in batches) == [COUNT % BATCH, *[BATCH] * (COUNT // BATCH)]
    assert len(batches[-1][2]) == COUNT % BATCH
    for pixels, labels, ids in batches:
        assert pixels.dtype == torch.float32 and pixels.shape[1:] == (3, 224, 224)
        assert labels.dtype == torch.int64 and labels.shape == (len(pixels),)
        assert [images[place].label for place in ids.tolist()] == labels.tolist()
    off = (levels(by_id(batches)) - levels(by_id(expected))).abs()
    assert float(off.max()) <= most and float(off.mean()) <= mean


@pytest.mark.parametrize("kind", [PipelineLoader, DynamicLoader])
def test_a_name_that_dali_does_not_take(kind: Any, oddly_named: list[Image]) -> None:
    """The error names the file and says what to do; DALI's own says neither."""
    if reason := dali_shared.missing():
        pytest.skip(reason)
    with (
        pytest.raises(DataError, match=r"caf.\.jpg: its name is not UTF-8, .*rename the file"),
        kind(oddly_named, batch_size=BATCH, threads=1) as loader,
    ):
        loader()


def test_floats_made_on_the_device_are_those_of_the_workers(images: list[Image]) -> None:
    """uint8 images, normalised after the copy, differ from floats of the workers by rounding alone."""
    floats, bytes_only = _plain(images, True, **FAST), _uint8(images, True)
    with floats, bytes_only:
        assert float((by_id(delivered(floats)) - by_id(delivered(bytes_only))).abs().max()) < 1e-5


@pytest.mark.parametrize("sort", ["v2", "v2 on tensors"])
def test_equal_seeds_give_equal_crops(sort: str, images: list[Image]) -> None:
    """From the same random numbers v1 and v2 cut the same crops and flip the same images."""
    pictures = [decoders.with_pillow(image.path) for image in images]
    given = pictures if sort == "v2" else [decoders.levels_of(picture) for picture in pictures]
    made = []
    for transform, inputs in ((recipe.augmented(), pictures), (recipe.augmented_v2(), given)):
        torch.manual_seed(5)
        made.append(torch.stack([transform(picture) for picture in inputs]))
    off = (levels(made[1]) - levels(made[0])).abs()
    assert float(off.max()) <= (1.5 if sort == "v2 on tensors" else 1e-3)


SAMPLES = 400
# Kolmogorov's and Smirnov's distance of two samples of that size beyond which they come from one distribution
# with a chance of 1 in 100,000: threads share their random numbers in no fixed order, and DALI seeds itself.
FARTHEST = 2.47 * (2 / SAMPLES) ** 0.5


def _crops(make: Make, folder: Path) -> dict[str, Tensor]:
    torch.manual_seed(1)
    found: dict[str, list[Tensor]] = {}
    with make([Image(str(ramp(folder / "ramp.jpg")), 0)] * SAMPLES, False, 30) as loader:
        for images, _, _ in loader.batches():
            pixels = levels(images)
            across = (pixels[:, 0, :, -1] - pixels[:, 0, :, 0]).mean(dim=1)
            down = (pixels[:, 1, -1, :] - pixels[:, 1, 0, :]).mean(dim=1)
            crops = {
                "area": across.abs() * down / 256**2,
                "ratio": (across.abs() / down).log(),
                "flipped": across < 0,
            }
            for channel, name in enumerate(("red", "green")):
                crops[f"mean of {name}"] = images[:, channel].mean(dim=(1, 2))
                crops[f"deviation of {name}"] = images[:, channel].std(dim=(1, 2))
            for name, values in crops.items():
                found.setdefault(name, []).append(values.float())
    return {name: torch.cat(values) for name, values in found.items()}


@pytest.fixture(scope="module")
def plain_crops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """What the plain loader's random crops are like."""
    return _crops(_plain, tmp_path_factory.mktemp("ramp"))


@pytest.mark.parametrize(("make", "most", "mean"), [EXACT[0], *EXACT[2:], *TENSORS[2:], *DALI, CAPTURED])
def test_random_crops_are_distributed_alike(
    make: Make, most: float, mean: float, plain_crops: dict[str, Tensor], images: list[Image], tmp_path: Path
) -> None:
    """Areas, aspect ratios, flips, means and deviations of random crops have the plain loader's
    distributions."""
    crops = _crops(make, tmp_path)
    for name, values in crops.items():
        if name == "flipped":
            assert abs(float(values.mean()) - 0.5) < 4.5 * 0.5 / SAMPLES**0.5
        else:
            distance = ks_2samp(values.numpy(), plain_crops[name].numpy(), method="asymp").statistic
            assert distance < FARTHEST, f"{name}: {distance:.3f}"
    for name, most_off in (("area", 0.09), ("ratio", 0.07)):
        assert abs(crops[name].mean() - plain_crops[name].mean()) < most_off
        assert abs(crops[name].std() - plain_crops[name].std()) < most_off
    assert len(torch.unique(crops["area"])) > SAMPLES / 2, "crops come again and again"
    assert crops["area"].min() > 0.05 and crops["area"].max() < 1.05


def _victim(images: list[Image], damage: str, folder: Path) -> Path:
    path = folder / "victim.jpg"
    if damage != "gone":
        content = Path(images[0].path).read_bytes()
        path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize(("make", "most", "mean"), TENSORS)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_the_loop_hears_of_a_damaged_file(
    make: Make, most: float, mean: float, damage: str, images: list[Image], tmp_path: Path
) -> None:
    """A damaged file ends the epoch with an error that names it, from a worker or a thread too, and leaves
    nothing."""
    before = alive()
    given = [*images[:7], Image(str(_victim(images, damage, tmp_path)), 0), *images[7:]]
    with pytest.raises(DataError, match=r"victim\.jpg cannot be decoded"), make(given, False) as loader:
        loader()
    assert since(before) == []


@pytest.mark.parametrize(("make", "most", "mean"), TENSORS[2:])
def test_an_error_in_the_step_leaves_nothing(
    make: Make, most: float, mean: float, images: list[Image]
) -> None:
    """A step that fails half-way through an epoch leaves no thread and no process once the loader is
    closed."""
    before = alive()

    def step(images: Tensor, labels: Tensor) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), make(images, True) as loader:
        loader.step = step
        loader()
    assert since(before) == []


# --- what the kinds do beyond -------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "most", "mean"), TENSORS[2:])
def test_epochs_after_an_early_break(make: Make, most: float, mean: float, images: list[Image]) -> None:
    """An epoch after an early break is whole, and a closed loader leaves no thread and no process."""
    before = alive()
    with make(images, True) as loader:
        loader.leave_early()
        assert sorted(loader().ids.tolist()) == list(range(COUNT))
        assert sorted(loader().ids.tolist()) == list(range(COUNT))
    assert since(before) == []


def test_uint8_moves_a_quarter(images: list[Image]) -> None:
    """Epochs say how many bytes of images went to the device: as floats four times as many."""
    with (
        CountedLoader(_dataset(images, True), batch_size=BATCH) as floats,
        _uint8(images, True) as bytes_only,
    ):
        assert floats().readings["moved_bytes"] == 4 * COUNT * 3 * 224**2
        assert [bytes_only().readings["moved_bytes"] for _ in range(2)] == [COUNT * 3 * 224**2] * 2


def test_floats_are_not_normalised_twice(images: list[Image]) -> None:
    """A dataset that normalises already is an error before the device, not a wrong picture."""
    with (
        pytest.raises(TypeError, match="without floats"),
        Uint8Loader(_dataset(images, True), batch_size=4) as loader,
    ):
        loader()


def test_a_batch_with_other_files_is_decoded_all_the_same(images: list[Image], tmp_path: Path) -> None:
    """Among JPEGs a PNG, which a decoder of JPEGs refuses, arrives as the picture it is."""
    Pillow.effect_noise((60, 50), 40).convert("RGB").save(tmp_path / "a.png")
    given = [images[0], Image(str(tmp_path / "a.png"), 1), images[1]]
    with _device_decoding(given, True) as loader, _plain(given, True, **FAST) as plain:
        assert torch.equal(by_id(delivered(loader)), by_id(delivered(plain)))


def test_batches_that_a_gpu_refused_are_counted(images: list[Image], tmp_path: Path) -> None:
    """An epoch says how many batches the CPU had to decode: one of five here, and none without the PNG."""
    Pillow.effect_noise((60, 50), 40).convert("RGB").save(tmp_path / "a.png")
    given = [*images[:4], Image(str(tmp_path / "a.png"), 1), *images[4:9]]
    for files, refused in ((given, 1.0), (images[:10], 0.0)):
        with _device_decoding(files, True, batch=2) as loader:
            assert [loader().readings["cpu_batches"] for _ in range(2)] == [refused] * 2


def test_a_decoder_that_does_not_work_is_an_error(
    images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An nvJPEG that is not there, or does not start, must not become decoding on the CPU under its name."""

    def broken(contents: list[bytes], device: object) -> list[torch.Tensor]:
        raise RuntimeError("decode_jpegs_cuda: torchvision not compiled with nvJPEG support")

    monkeypatch.setattr(decoders, "jpegs_to_tensors", broken)
    with pytest.raises(RuntimeError, match="not compiled with nvJPEG"):
        _device_decoding(images, True)


def test_what_a_decoder_makes_of_damage_is_a_reading(images: list[Image]) -> None:
    """Decoders that refuse other damaged files than Pillow agree by their pixels; refusing a sound one is
    wrong."""
    pixels = [torch.zeros(3, 4, 4, dtype=torch.uint8)]
    pillow = Decoded(pixels, [True, True, True, True, False])
    assert same_levels(pillow, Decoded(pixels, [False, False, True, True, False]))["damaged_refused"] == 2.0
    with pytest.raises(AssertionError, match="a sound image was refused"):
        same_levels(pillow, Decoded(pixels, [True] * 5))


def test_epochs_say_what_came_from_the_disk(images: list[Image]) -> None:
    """A forgotten file is read from the disk again, one in the page cache is not, mapped by live workers or
    not."""
    pixels = packed(images)
    forgotten = EvictedFiles([pixels.file])
    if not forgotten.works():
        pytest.skip("files are kept in memory here")
    size = pixels.file.stat().st_size
    dataset = _dataset(images, True, decode=pixels)
    with (
        DiskLoader(dataset, batch_size=BATCH, workers=1) as warm,
        DiskLoader(dataset, batch_size=BATCH) as here,
    ):
        for loader in (warm, here):
            loader()
            # Not nothing: under pressure the kernel fetches even the code of this process again.
            assert loader().readings["disk_bytes"] < size / 4
        with DiskLoader(dataset, batch_size=BATCH, workers=1, forgotten=forgotten) as cold:
            with forgotten.around():
                first = cold()
            # Nobody has put the file out of the cache since: the epoch does so itself.
            second = cold()
    assert all(epoch.readings["disk_bytes"] >= size for epoch in (first, second))


# --- how images are stored ----------------------------------------------------------------------------------


def _turned(folder: Path) -> list[Image]:
    """One picture, stored with each EXIF orientation that cameras write, and with none."""
    pixels = np.random.default_rng(5).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    picture = Pillow.fromarray(pixels).resize((400, 300), Pillow.Resampling.BICUBIC)
    made = []
    for orientation in (0, 3, 6, 8):
        tags = Pillow.Exif()
        if orientation:
            tags[0x0112] = orientation
        path = folder / f"{orientation}.jpg"
        picture.save(path, exif=tags, quality=92)
        made.append(Image(str(path), 0))
    return made


@pytest.mark.parametrize(("make", "most", "mean"), [*TENSORS, *DALI])
def test_no_kind_turns_images(make: Any, most: float, mean: float, tmp_path: Path) -> None:
    """An EXIF orientation changes nothing: ImageFolder's loader ignores it, and so does every kind."""
    images = _turned(tmp_path)
    wanted = delivered(_plain(images, True))
    assert torch.equal(wanted[0][0][0], wanted[0][0][2])
    assert first_difference(wanted, delivered(make(images, True))) is None


@pytest.mark.skipif(nodes.missing() is not None, reason=str(nodes.missing()))
def test_nodes_leave_torchs_threads_as_they_were(images: list[Image]) -> None:
    """A thread that is started after a nodes loader was closed computes on as many threads as one before
    it."""
    torch.set_num_threads(2)
    asked: list[int] = []

    def ask() -> None:
        thread = threading.Thread(target=lambda: asked.append(torch.get_num_threads()))
        thread.start()
        thread.join()

    ask()
    with _threads(NodesLoader, images, True) as loader:
        delivered(loader)
    ask()
    assert asked == [2, 2]
