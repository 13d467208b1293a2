"""What claims about loading bring along: a DataLoader's options, epochs in a row, crops, preloading, whole
batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import Dataset

from harness.loading.data import recipe
from harness.loading.data.dataset import Digits, Photographs, epoch_images
from harness.loading.data.folder import DataError, Image
from harness.loading.data.generated import jpeg_folder, tiny_set
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import run_epoch, same_samples
from harness.loading.machine.threads import use_threads
from support.checksum import Checksummed
from support.crop import crop_first, crop_last
from support.epochs_in_a_row import Successive
from support.frozen_training import FrozenTraining
from support.preload import Preloaded, StartUp, bounded_epoch
from support.statistics import cropped
from support.whole_batches import DigitBatches, PhotographBatches, as_it_is
from tests.support.living import alive, since, until

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of sixteen photographs; what else is made is kept beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield jpeg_folder(16)


@pytest.fixture(scope="module")
def tiny(images: Path) -> Path:
    """Sixty-four tiny samples."""
    return tiny_set(64)


@pytest.fixture(scope="module")
def files(images: Path) -> list[Image]:
    """Twelve photographs, each once."""
    return epoch_images(images, 12)


# --- a DataLoader's further options -------------------------------------------------------------------------


class Numbers(Dataset[Any]):
    """Samples that cost nothing and say who made them: the image is the number of threads there."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, place: int) -> tuple[Tensor, int, int]:
        return torch.full((1, 1, 1), float(torch.get_num_threads())), place % 3, place


def test_workers_that_do_not_persist_end_with_their_epoch() -> None:
    """Between epochs there is no worker, and each epoch delivers everything; persistent ones stay the
    same."""
    before = alive()
    with PlainLoader(Numbers, batch_size=4, workers=2, persistent=False) as loader:
        assert sorted(loader().ids.tolist()) == sorted(loader().ids.tolist()) == list(range(24))
        assert alive().processes - before.processes == set()
        # The thread of a queue that torch has closed ends by itself.
        assert until(lambda: since(before) == [])
    with PlainLoader(Numbers, batch_size=4, workers=2) as loader:
        loader()
        workers = alive().processes - before.processes
        loader()
        assert len(workers) == 2 and alive().processes - before.processes == workers
    assert since(before) == []


@pytest.mark.parametrize("persistent", [True, False])
def test_an_epoch_that_breaks_off_leaves_nothing(persistent: bool) -> None:
    """Closing shuts down the workers of an epoch that an error in the step ended, while that error is still
    alive."""
    before = alive()

    def step(images: Tensor, labels: Tensor) -> None:
        raise ZeroDivisionError

    loader = PlainLoader(Numbers, batch_size=2, workers=2, persistent=persistent, step=step)
    with pytest.raises(ZeroDivisionError) as caught, loader:
        loader()
    assert since(before) == [] and caught.value is not None


def test_orders() -> None:
    """Shuffling and samplers change the order, not the samples; out of order, all arrive."""
    in_order = PlainLoader(Numbers, batch_size=4)()
    shuffled = PlainLoader(Numbers, batch_size=4, shuffle=True)()
    reverse: Any = partial(range, 23, -1, -1)
    backwards = PlainLoader(Numbers, batch_size=4, sampler=lambda _: reverse())()
    assert in_order.ids.tolist() == list(range(24)) == sorted(shuffled.ids.tolist())
    assert shuffled.ids.tolist() != in_order.ids.tolist()
    assert backwards.ids.tolist() == list(range(23, -1, -1))
    with PlainLoader(Numbers, batch_size=4, workers=2, in_order=False) as loader:
        same_samples(in_order, loader())
        live: Any = loader.host_batches()
        assert live.loader.in_order is False


def test_spawned_workers_use_the_given_number_of_threads() -> None:
    """A spawned worker runs `use_threads`; without it a worker computes on one thread."""
    loader = PlainLoader(
        Numbers,
        batch_size=24,
        workers=1,
        multiprocessing_context="spawn",
        worker_init_fn=partial(use_threads, 3),
        step=lambda images, labels: images.mean(),
    )
    with loader:
        assert loader().total == 3.0
    with PlainLoader(Numbers, batch_size=24, workers=1, step=lambda images, labels: images.mean()) as loader:
        assert loader().total == 1.0


def test_options_for_workers() -> None:
    """They reach the DataLoader where there are workers, and do no harm where there are none."""
    options: dict[str, Any] = {"prefetch_factor": 3, "multiprocessing_context": "spawn", "timeout": 7.0}
    followed: Any = PlainLoader(Numbers, batch_size=4, workers=1, **options).host_batches()
    live = followed.loader
    assert (live.prefetch_factor, live.timeout, live.persistent_workers) == (3, 7.0, True)
    assert live.multiprocessing_context.get_start_method() == "spawn"
    assert PlainLoader(Numbers, batch_size=4, persistent=True, **options)().ids.numel() == 24


# --- epochs in a row, starting up ---------------------------------------------------------------------------


def test_the_gap_between_epochs_by_a_fake_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gap runs from the last step to the next epoch's first batch: an epoch's end and the next one's
    start."""
    now = 0.0

    class Scripted(PlainLoader):
        """Starts in 5 s, ends in 0.5 s, a batch costs 1 s."""

        def batches(self) -> Iterator[Any]:
            nonlocal now
            now += 5.0
            for batch in super().batches():
                now += 1.0
                yield batch
            now += 0.5

    def step(images: Tensor, labels: Tensor) -> None:
        nonlocal now
        now += 100.0

    monkeypatch.setattr("time.perf_counter", lambda: now)
    epochs = Successive(Scripted(Numbers, batch_size=12, step=step), 3)()
    assert epochs.readings["epoch_gap_seconds"] == 6.5
    assert epochs.readings["epoch_seconds"] == 5 + 2 + 200 + 0.5
    assert epochs.readings["first_batch_seconds"] == 6.0
    assert epochs.lengths == (24, 24, 24)
    assert all(sorted(epoch.ids.tolist()) == list(range(24)) for epoch in epochs.each())


def test_closing_epochs_in_a_row_closes_their_loader() -> None:
    """Left early and closed, epochs in a row leave no worker."""
    before = alive()
    epochs = Successive(PlainLoader(Numbers, batch_size=4, workers=1), 2)
    epochs()
    assert len(alive().processes - before.processes) == 1
    epochs.leave_early()
    epochs.close()
    assert since(before) == []


def test_starting_up_takes_one_batch_and_leaves_nothing() -> None:
    """Every call starts a loader of its own, gives its first batch and shuts its workers down."""
    before = alive()
    made: list[PlainLoader] = []

    def make() -> PlainLoader:
        made.append(PlainLoader(Numbers, batch_size=4, workers=1))
        return made[-1]

    start_up = StartUp(make)
    for _ in range(2):
        first = start_up()
        assert first.ids.tolist() == [0, 1, 2, 3]
        assert list(first.readings) == ["start_up_seconds"] and first.readings["start_up_seconds"] > 0
        assert since(before) == []
    assert len(made) == 2


def test_starting_up_includes_making_the_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the dataset does when it is made counts, closing does not."""
    now = 0.0

    def dataset() -> Numbers:
        nonlocal now
        now += 7.0
        return Numbers()

    class Slow(PlainLoader):
        """Delivers in 1 s, closes in 50 s."""

        def batches(self) -> Iterator[Any]:
            nonlocal now
            for batch in super().batches():
                now += 1.0
                yield batch

        def close(self) -> None:
            nonlocal now
            now += 50.0
            super().close()

    monkeypatch.setattr("time.perf_counter", lambda: now)
    assert StartUp(lambda: Slow(dataset, batch_size=4))().readings == {"start_up_seconds": 8.0}


def test_preloaded_pictures_are_decoded_once(files: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """Preloading reads each file once, though it comes twice; afterwards samples are those of lazy
    decoding."""
    opened: list[str] = []
    original = Pillow.open

    def counted(path: str, *more: Any) -> Pillow.Image:
        opened.append(path)
        return original(path, *more)

    monkeypatch.setattr(Pillow, "open", counted)
    dataset = Preloaded([*files[:3], files[0]], recipe.fixed)
    assert sorted(opened) == sorted(path for path, _ in files[:3])
    for place in range(4):
        pixels, label, number = dataset[place]
        lazily, own_label, _ = Photographs([*files[:3], files[0]], recipe.fixed)[place]
        assert torch.equal(pixels, lazily) and (label, number) == (own_label, place)
    assert len(opened) == 3 + 4


def test_what_is_preloaded_is_bounded(images: Path) -> None:
    """So many different images as fit, at least one, come round again."""
    listed = epoch_images(images, 12)
    assert bounded_epoch(images, 12) == listed
    sizes = [3 * np.prod(Pillow.open(path).size) for path, _ in listed]
    some = bounded_epoch(images, 12, int(sum(sizes[:5])))
    assert some == [listed[place % 5] for place in range(12)]
    assert bounded_epoch(images, 3, 1) == epoch_images(images, 3)[:1] * 3


def test_what_cannot_be_measured_is_named(tmp_path: Path) -> None:
    """A file that is no image is named before anything is decoded."""
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"cat/1\.jpg cannot be decoded .*remove or replace it"):
        bounded_epoch(tmp_path, 2)


# --- whole batches ------------------------------------------------------------------------------------------


def test_digits_at_once_are_the_same(tiny: Path) -> None:
    """A batch made by indexing has the values, labels and ids of one that was collated, also when they come
    again."""
    one_by_one = PlainLoader(partial(Digits, tiny, 70), batch_size=7)
    at_once = PlainLoader(partial(DigitBatches, tiny, 70), batch_size=7, collate_fn=as_it_is)
    for expected, got in zip(one_by_one.batches(), at_once.batches(), strict=True):
        torch.testing.assert_close(got, tuple(expected), rtol=0, atol=0)


def test_photographs_at_once_are_the_same(files: list[Image]) -> None:
    """Converted as a batch, a fixed crop's pixels are those of the plain recipe."""
    one_by_one = PlainLoader(partial(Photographs, files, recipe.fixed), batch_size=5)
    at_once = PlainLoader(partial(PhotographBatches, files, cropped), batch_size=5, collate_fn=as_it_is)
    for expected, got in zip(one_by_one.batches(), at_once.batches(), strict=True):
        torch.testing.assert_close(got, tuple(expected), rtol=0, atol=1e-6)
        assert got[0].is_contiguous()
    pixels, *rest = PhotographBatches(files, cropped)[3]
    plain, *plain_rest = Photographs(files, recipe.fixed)[3]
    torch.testing.assert_close(pixels, plain, rtol=0, atol=1e-6)
    assert rest == plain_rest


def test_a_step_keeps_its_work_behind_a_checksum() -> None:
    """The step that is wrapped is called, and the checksum sees where a value is."""
    seen: list[int] = []
    checked = Checksummed(lambda images, labels: seen.append(len(images)))
    images = torch.zeros(2, 1, 28, 28)
    images[0, 0, 4, 8] = 1.0
    moved = images.roll(4, dims=3)
    first, second = checked(images, torch.zeros(2)), checked(moved, torch.zeros(2))
    assert seen == [2, 2] and first.dtype == torch.float64 and float(first) != float(second)
    assert float(checked(images, torch.zeros(2))) == float(first)
    assert run_epoch([(images, torch.zeros(2), torch.arange(2))], checked).total == float(first)


# --- crops, training that changes nothing -------------------------------------------------------------------


@pytest.mark.parametrize("resized", [True, False])
def test_either_order_gives_the_same_pixels(files: list[Image], resized: bool) -> None:
    """A fixed crop gives equal tensors first and last, of pictures smaller than the crop too."""
    first, last = crop_first(resized), crop_last(resized)
    pictures = [Pillow.open(path).convert("RGB") for path, _ in files[:3]]
    for picture in (*pictures, pictures[0].resize((150, 400)), pictures[1].resize((90, 70))):
        expected = first(picture)
        assert expected.shape == (3, 224, 224) and expected.dtype == torch.float32
        torch.testing.assert_close(last(picture), expected, rtol=0, atol=1e-6)


def test_frozen_training_trains_and_stays_the_same(tiny: Path) -> None:
    """Every size sees every sample in order, gradients are made, and the network is what it was."""
    train = FrozenTraining(Digits(tiny, 10), 25, CPU)
    before = [parameter.clone() for parameter in train.network.parameters()]
    outputs = train(4)
    assert outputs.shape == (25, 10)
    torch.testing.assert_close(outputs, train(25), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs[0], outputs[10], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(outputs[0], outputs[1])
    for parameter, old in zip(train.network.parameters(), before, strict=True):
        assert torch.equal(parameter, old) and parameter.grad is not None and parameter.grad.abs().sum() > 0
