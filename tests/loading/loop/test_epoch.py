"""Epochs and loaders: each sample once, waits told apart, errors that name the file, nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import Dataset

from harness.loading.data.dataset import Digits, Photographs, epoch_images
from harness.loading.data.folder import DataError, Image
from harness.loading.data.generated import tiny_set
from harness.loading.loaders import background
from harness.loading.loaders.background import BackgroundLoader, missing
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Batch, Epoch, run_epoch, same_pixels, same_samples
from harness.workers import tensors
from support.training_step import TrainingStep
from tests.support.living import ENVIRONMENT, PATIENCE, ROOT, alive, since

pytestmark = pytest.mark.usefixtures("one_thread")


class Numbers(Dataset[Any]):
    """Samples that cost nothing; ``bad`` raises."""

    def __init__(self, count: int, bad: int = -1) -> None:
        self.count = count
        self.bad = bad

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> tuple[Tensor, int, int]:
        if place == self.bad:
            raise DataError(f"file {place} is broken")
        return torch.full((1, 14, 14), float(place)), place % 10, place


NEEDS_PACKAGE = pytest.mark.skipif(missing() is not None, reason=str(missing()))
KINDS = [
    pytest.param(partial(PlainLoader, workers=0), id="plain"),
    pytest.param(partial(PlainLoader, workers=2), id="plain, two workers"),
    pytest.param(partial(BackgroundLoader, workers=0), id="background", marks=NEEDS_PACKAGE),
    pytest.param(partial(BackgroundLoader, workers=2), id="background, two workers", marks=NEEDS_PACKAGE),
]


@pytest.fixture
def photographs(tmp_path: Path) -> list[Image]:
    """Six small JPEGs of two classes."""
    made = []
    for index in range(6):
        path = tmp_path / f"class_{index % 2}" / f"{index}.jpg"
        path.parent.mkdir(exist_ok=True)
        Pillow.effect_noise((64 + index, 48), 40).convert("RGB").save(path)
        made.append(Image(str(path), index % 2))
    return made


def _epoch(ids: list[int], labels: list[int] | None = None) -> Epoch:
    return Epoch(torch.tensor(ids), torch.tensor(labels or [0] * len(ids)))


def test_waits_by_a_fake_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time in iter and next is waiting, time in the step is not; the first batch is told apart."""
    now = 0.0

    def batches() -> Iterator[Batch]:
        nonlocal now
        for index, cost in enumerate([5.0, 1.0, 1.0, 2.0]):
            now += cost
            ids = torch.tensor([2 * index, 2 * index + 1])
            yield torch.zeros(2, 1), torch.tensor([[0], [1]], dtype=torch.int32), ids
        now += 0.5

    def step(images: Tensor, labels: Tensor) -> Tensor:
        nonlocal now
        now += 100.0
        return torch.tensor(1.5)

    monkeypatch.setattr("harness.loading.loop.epoch.time.perf_counter", lambda: now)
    epoch = run_epoch(batches(), step)
    assert epoch.readings == {
        "wait_seconds": 9.5,
        "wait_p50_seconds": 1.0,
        "wait_p99_seconds": 5.0,
        "first_batch_seconds": 5.0,
    }
    assert epoch.ids.tolist() == list(range(8)) and epoch.ids.dtype == torch.int64
    assert epoch.labels.tolist() == [0, 1] * 4 and epoch.labels.dtype == torch.int64
    assert epoch.total == 6.0


def test_empty_epoch() -> None:
    """An epoch without batches is empty, not an error."""
    epoch = run_epoch([])
    assert epoch.ids.numel() == 0 and epoch.readings["wait_seconds"] >= 0


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (_epoch([0, 1, 2]), "missing: ids 3"),
        (_epoch([0, 1, 2, 3, 3]), "too many: ids 3"),
        (_epoch([0, 1, 2, 3], [0, 0, 7, 0]), "another label: ids 2"),
        (_epoch([0, 1, 2, 4]), "missing: ids 3; too many: ids 4"),
        (_epoch([0, 0, 2, 3]), "missing: ids 1; too many: ids 0"),
    ],
)
def test_same_samples_names_what_differs(got: Epoch, said: str) -> None:
    """A lost, doubled, exchanged or relabelled sample is named."""
    same_samples(_epoch([0, 1, 2, 3]), _epoch([3, 2, 1, 0]))
    with pytest.raises(AssertionError, match=said):
        same_samples(_epoch([0, 1, 2, 3]), got)


def test_same_pixels() -> None:
    """Equal samples with other pixels disagree."""
    ids = torch.tensor([0])
    same_pixels(Epoch(ids, ids, 1e6), Epoch(ids, ids, 1e6 + 1e-3))
    with pytest.raises(AssertionError, match="add up to"):
        same_pixels(Epoch(ids, ids, 1e6), Epoch(ids, ids, 1e6 + 10))


def test_epoch_travels(tmp_path: Path) -> None:
    """An epoch survives the way from one process to another."""
    tensors.save(_epoch([1, 2], [3, 4]), tmp_path / "epoch")
    arrived = tensors.load(tmp_path / "epoch")
    assert isinstance(arrived, Epoch)
    same_samples(_epoch([1, 2], [3, 4]), arrived)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_every_epoch(kind: Any) -> None:
    """Two epochs deliver every id once, the short last batch included, and closing leaves nothing alive."""
    before = alive()
    with kind(partial(Numbers, 23), batch_size=4, step=TrainingStep(torch.device("cpu"), 10)) as loader:
        first, second = loader(), loader()
    assert sorted(first.ids.tolist()) == list(range(23))
    assert [label.item() for label in first.labels] == [number % 10 for number in first.ids.tolist()]
    same_samples(first, second)
    assert since(before) == []


@pytest.mark.parametrize("kind", KINDS)
def test_usable_after_an_early_break(kind: Any) -> None:
    """An epoch after an early break delivers the same ids as one before."""
    with kind(partial(Numbers, 40), batch_size=2) as loader:
        before = loader()
        loader.leave_early()
        same_samples(before, loader())


@pytest.mark.parametrize("kind", KINDS)
def test_error_reaches_the_loop(kind: Any) -> None:
    """A sample that cannot be loaded ends the epoch with its error, from a worker or thread too, and leaves
    nothing."""
    before = alive()
    with (
        pytest.raises(DataError, match="file 13 is broken"),
        kind(partial(Numbers, 40, 13), batch_size=2) as loader,
    ):
        loader()
    assert since(before) == []


@pytest.mark.parametrize("kind", KINDS)
def test_error_in_the_step_leaves_nothing(kind: Any) -> None:
    """A step that fails half-way through an epoch leaves no thread and no worker once the loader is
    closed."""
    before = alive()

    def step(images: Tensor, labels: Tensor) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), kind(partial(Numbers, 40), batch_size=2, step=step) as loader:
        loader()
    assert since(before) == []


LEAKS = """
import json, os, sys, threading, psutil
sys.path[:0] = sys.argv[1:]
from functools import partial
from test_epoch import Numbers
from harness.loading.loaders import background
from harness.loading.loaders.background import BackgroundLoader, missing
from harness.loading.loaders.dataloader import PlainLoader
from tests.support.living import until

def there():
    return threading.active_count(), len(psutil.Process().children())

def left_since(before):
    return [now - then for now, then in zip(there(), before)]

left = {}
kinds = {"plain, two workers": (PlainLoader, 2, [0, 0])}
if not missing():
    kinds["background"] = (BackgroundLoader, 0, [3, 0])
    kinds["background, two workers"] = (BackgroundLoader, 2, [9, 6])
for name, (kind, workers, expected) in kinds.items():
    loader = kind(partial(Numbers, 400), batch_size=2, workers=workers)
    before = there()
    for _ in range(3):
        loader.leave_early()
    # torch closes a queue without waiting for its thread.
    until(lambda: left_since(before) == expected)
    left[name] = left_since(before)
print(json.dumps(left), flush=True)
for child in psutil.Process().children():
    child.kill()
os._exit(0)
"""


def test_what_an_early_break_leaves() -> None:
    """Left early three times, a DataLoader leaves nothing; a BackgroundGenerator leaves its threads and its
    workers."""
    command = [
        sys.executable,
        "-c",
        LEAKS,
        str(ROOT / "tests" / "loading" / "loop"),
        str(ROOT / "benchmarks"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=PATIENCE, env=ENVIRONMENT
    )
    left = json.loads(done.stdout)
    assert left.pop("plain, two workers") == [0, 0]
    if missing() is None:
        assert left == {"background": [3, 0], "background, two workers": [9, 6]}


@NEEDS_PACKAGE
def test_closing_does_not_wait_for_what_was_left_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of a loop that was left behind a BackgroundGenerator never end: to close the loader waits for
    its own."""
    joined: list[threading.Thread] = []

    class Left(threading.Thread):
        """In the place of a left loop's feeder: it ends with the test."""

        def join(self, timeout: float | None = None) -> None:
            joined.append(self)
            super().join(timeout)

    ended = threading.Event()
    feeder = Left(target=ended.wait, name="QueueFeederThread", daemon=True)

    def some(batches: Any) -> None:
        feeder.start()

    monkeypatch.setattr(background, "take_some", some)
    with BackgroundLoader(partial(Numbers, 8), batch_size=2, workers=1) as loader:
        loader()
        loader.leave_early()
    assert joined == []
    ended.set()
    feeder.join()


def test_photographs(photographs: list[Image]) -> None:
    """Photographs come with their class and their place in the epoch, as float32 [3, 224, 224]."""
    dataset = Photographs(photographs)
    pixels, label, place = dataset[3]
    assert pixels.shape == (3, 224, 224) and pixels.dtype == torch.float32
    assert (label, place) == (1, 3)


def test_labels_are_image_folders(photographs: list[Image]) -> None:
    """Files and labels are those torchvision's ImageFolder finds; a small folder's images come round
    again."""
    from torchvision.datasets import ImageFolder

    root = Path(photographs[0].path).parents[1]
    assert sorted(map(tuple, epoch_images(root, 6))) == sorted(ImageFolder(root).samples)
    twice = epoch_images(root, 12)
    assert twice[:6] == twice[6:] and twice == epoch_images(root, 12)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["truncated", "no image", "gone"])
def test_damaged_file_is_named(photographs: list[Image], damage: str, workers: int) -> None:
    """A damaged JPEG is an error that names the file, from a worker too."""
    victim = Path(photographs[4].path)
    if damage == "gone":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:700] if damage == "truncated" else b"no image" * 50)
    loader = PlainLoader(partial(Photographs, photographs), batch_size=2, workers=workers)
    with pytest.raises(DataError, match=r"class_0/4\.jpg cannot be decoded"), loader:
        loader()


def test_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny samples are float32 [1, 28, 28] in 0..1 with their labels, and come round again."""
    monkeypatch.setenv("TIPBENCH_CACHE", str(tmp_path))
    dataset = Digits(tiny_set(16), 20)
    assert len(dataset) == 20
    pixels, label, place = dataset[17]
    assert pixels.shape == (1, 28, 28) and 0 < float(pixels.max()) <= 1
    assert place == 17 and label == dataset[1][1] and torch.equal(pixels, dataset[1][0])


def test_training_step_learns() -> None:
    """The step is a real one: on one batch the loss falls."""
    torch.manual_seed(0)
    step = TrainingStep(torch.device("cpu"), 10)
    images, labels = torch.randn(8, 3, 28, 28), torch.arange(8)
    losses = [float(step(images, labels)) for _ in range(50)]
    assert losses[-1] < losses[0]
