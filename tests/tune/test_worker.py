"""Loader processes, for real, on a handful of images."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from harness.errors import UsageError
from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs
from harness.loading.data.folder import DataError, first_images
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loop.check import first_difference
from harness.loading.loop.stages import stages
from harness.loading.loop.step_option import step_from
from harness.measure.clock import FakeClock
from harness.model import LoaderSample, Setting, StepInput
from harness.processes import cpu_limit
from harness.processes.cpu_limit import CpuLimit
from harness.tune import loop_worker
from harness.tune.client import LoaderClient, LoaderWorkerError, OutOfTime
from harness.tune.messages import (
    CheckDelivery,
    CountImages,
    Introduce,
    LoaderPlan,
    MeasureOneCore,
    MeasureSample,
)
from harness.tune.worker import LoaderWorker
from harness.workers.codec import encode
from harness.workers.variant_requests import Done
from tests.support.living import gone, until

CPU = torch.device("cpu")
COUNT = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty small JPEGs in two classes, each with a picture of its own."""
    root = tmp_path_factory.mktemp("images")
    generator = torch.Generator().manual_seed(1)
    for number in range(30):
        place = root / f"class_{number % 2}"
        place.mkdir(exist_ok=True)
        coarse = torch.rand(1, 3, 9, 11, generator=generator)
        pixels = torch.nn.functional.interpolate(coarse, (280, 330), mode="bicubic").clamp(0, 1)[0]
        Pillow.fromarray((255 * pixels).byte().permute(1, 2, 0).numpy()).save(
            place / f"{number:02}.jpg", quality=92
        )
    return root


@pytest.fixture
def client(folder: Path, tmp_path: Path) -> Iterator[LoaderClient]:
    """Processes on those images, with a step of a millisecond."""
    with LoaderClient(
        sys.executable, LoaderPlan(str(folder), "cpu", "1ms"), tmp_path / "loaders.log"
    ) as opened:
        yield opened


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_a_sample_separates_copies_to_a_gpu_from_waits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The window gets the loader's own account of them; on the CPU there are none."""
    given: list[Callable[[], float] | None] = []

    def steady(*_: object, copied: Callable[[], float] | None, **__: object) -> LoaderSample:
        given.append(copied)
        return LoaderSample(1.0, 4, {}, False)

    monkeypatch.setattr(loop_worker, "steady", steady)
    monkeypatch.setattr(loop_worker, "pinned_now", lambda: 0)
    made = LoaderWorker(LoaderPlan(str(folder), "cpu", "none"))
    made.device = torch.device(name, 0) if name == "cuda" else CPU
    made.sample(MeasureSample(Setting("dataloader", 0, 0, 4), StepInput.WARM, 1, COUNT, 0.0))
    assert [copied is None for copied in given] == [name == "cpu"]


def sample(client: LoaderClient, setting: Setting, step_input: StepInput = StepInput.WARM) -> LoaderSample:
    """A short sample."""
    return client.ask(MeasureSample(setting, step_input, seed=1, count=COUNT, least_seconds=0.0)).sample


@pytest.mark.timeout(600)
def test_samples_of_real_loaders(client: LoaderClient) -> None:
    """Workers in one process, DALI in another; each with its times, its memory and its CPU-seconds."""
    client.begin(["dataloader", "tensors", "dali"])
    started = {process.pid for process in client._clients.values()}
    assert len(started) == 2
    introduction = client.ask(Introduce())
    assert introduction.images == 30
    assert introduction.environment["device"] == {"type": "cpu"}
    assert "dali_gpu" in introduction.missing
    for setting in (Setting("dataloader", 2, 2, 4), Setting("dali", 2, 2, 4)):
        if setting.kind in introduction.missing:
            continue
        found = sample(client, setting)
        assert found.samples == 4 * COUNT
        assert found.seconds > 0
        assert found.readings["pss_bytes"] > 2**26
        assert 0 <= found.readings["wait_seconds"] <= found.seconds
    assert client.ask(CheckDelivery(Setting("dataloader", 0, 0, 4))).difference is None
    assert client.ask(MeasureOneCore(Setting("dataloader", 2, 2, 4), seed=1, count=2)).seconds > 0
    free = sample(client, Setting("dataloader", 2, 2, 4), StepInput.RESIDENT)
    assert 4 * free.seconds >= 1e-3  # the step's own millisecond, and next to nothing else
    cold = sample(client, Setting("dataloader", 0, 0, 4), StepInput.COLD)
    assert cold.samples == 4 * COUNT
    assert cold.readings["disk_bytes"] >= 0
    assert {process.pid for process in client._clients.values()} == started


def test_a_process_that_cannot_start_fails_the_next_request(tmp_path: Path) -> None:
    """Starting processes ahead raises nothing: the request that needs one does."""
    with LoaderClient("/bin/false", LoaderPlan(None, "cpu", "none"), tmp_path / "log") as opened:
        opened.begin(["dataloader"])
        with pytest.raises(LoaderWorkerError, match="exit"):
            opened.ask(CountImages())


class Late:
    """A loader process that sends nothing for so many looks, and then its reply."""

    pid, ended = 1, False

    def __init__(self, looks: int, clock: FakeClock) -> None:
        self.looks, self._clock = looks, clock
        self.channel = self

    def send(self, **message: object) -> None:
        """The request arrives."""

    def receive(self, seconds: float) -> object:
        """Each look is a short one: a long one would be a limit of its own."""
        assert seconds <= 1.0
        self._clock.advance(1.0)
        self.looks -= 1
        return None if self.looks >= 0 else encode(Done())

    def resume(self) -> None:
        """It runs."""

    pause = end = resume


@pytest.mark.parametrize("left", [3.0, 1e9])
def test_a_process_may_take_long_to_start_on_a_busy_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: float
) -> None:
    """It has CPU-seconds of its own for that, as long as the budget has time."""
    clock = FakeClock()

    monkeypatch.setattr(cpu_limit, "cpu_seconds", lambda _: clock.seconds / 50)
    monkeypatch.setattr(CpuLimit, "__init__", partialmethod(CpuLimit.__init__, now=clock.now))
    process = Late(300, clock)
    monkeypatch.setattr(LoaderClient, "_launch", lambda _: process)
    plan = LoaderPlan(None, "cpu", "none")
    with LoaderClient(
        sys.executable, plan, tmp_path / "log", left=lambda: max(0.0, left - clock.seconds)
    ) as opened:
        opened.begin(["dataloader"])
        assert (opened.start_seconds is not None) == (left > 300)
        if left < 300:
            assert clock.seconds == pytest.approx(left, abs=1.0)
            with pytest.raises(OutOfTime):
                opened.ask(CountImages())


@pytest.mark.timeout(600)
def test_a_process_that_is_killed_is_reported_and_replaced_and_none_is_left(
    folder: Path, tmp_path: Path
) -> None:
    """The request in flight fails with how the process ended, the next starts another; all end with the
    client."""
    with LoaderClient(sys.executable, LoaderPlan(str(folder), "cpu", "none"), tmp_path / "log") as opened:
        assert opened.ask(CountImages()).images == 30
        (client,) = opened._clients.values()
        os.kill(client.pid, signal.SIGKILL)
        with pytest.raises(LoaderWorkerError, match="SIGKILL"):
            opened.ask(CountImages())
        assert opened.ask(CountImages()).images == 30
        pid = next(iter(opened._clients.values())).pid
        assert pid != client.pid
    assert gone(pid)
    assert until(lambda: not Path(f"/proc/{pid}").exists())


# --- in this process ----------------------------------------------------------------------------------------


def fixed_batches(folder: Path, spoil: str = "") -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Two batches of the recipe with nothing random, with a fault on demand."""
    dataset = Photographs(first_images(folder, 6), recipe.fixed)
    samples = [dataset[place] for place in range(6)]
    images = torch.stack([image for image, _, _ in samples])
    labels = torch.tensor([label for _, label, _ in samples])
    ids = torch.arange(6)
    match spoil:
        case "lost":
            images, labels, ids = images[1:], labels[1:], ids[1:]
        case "twice":
            ids = torch.tensor([0, 0, 2, 3, 4, 5])
        case "label":
            labels = labels.roll(1)
        case "channels":
            images = images.flip(1)
        case "crop":
            images = images.roll(8, 3)
        case "nan":
            images[0, 0, 0, 0] = float("nan")
        case "dark":
            images = images - 0.2
        case "shape":
            images = images[..., :-1]
    return [(images[:4], labels[:4], ids[:4]), (images[4:], labels[4:], ids[4:])]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("lost", "samples 0 are missing"),
        ("twice", "missing|another number of times"),
        ("label", "has label"),
        ("channels", "levels of 256 off"),
        ("crop", "levels of 256 off"),
        ("dark", "levels of 256 off"),
        ("nan", "not a number"),
        ("shape", "its shape is"),
    ],
)
def test_loaders_that_deliver_something_else_are_found(folder: Path, fault: str, message: str) -> None:
    """Samples, labels, pixels: each fault is named."""
    import re

    reason = first_difference(fixed_batches(folder), fixed_batches(folder, fault))
    assert reason is not None
    assert re.search(message, reason)


def test_order_and_batches_do_not_matter(folder: Path) -> None:
    """The same samples in another order, in other batches, are the same."""
    first, second = fixed_batches(folder)
    assert first_difference([first, second], [second, first]) is None


def test_every_kind_says_what_is_missing_here() -> None:
    """What needs a GPU says so; nothing else is missing where all extras are installed."""
    missing = {name for name, kind in LOADER_KINDS.items() if kind.missing(CPU)}
    assert {"side_stream", "dali_gpu"} <= missing
    assert "dataloader" not in missing


def test_stages_add_up_on_any_clock(folder: Path) -> None:
    """Each stage gets the time between its marks; a clock that ticks once a look gives each the same."""
    ticks = iter(range(10**6))
    found = {
        stage.name: stage.seconds
        for stage in stages(first_images(folder, 4), 2, now=lambda: float(next(ticks)))
    }
    assert found == {"read": 1.0, "decode": 1.0, "transform": 1.0, "collate": 0.5, "decode_fastest": 1.0}


@pytest.mark.parametrize(
    "text", ["", "5", "20 ms", "resnet7", "nowhere_at_all:step", "os:nothing", "os:sep", ":", "a:"]
)
def test_what_is_not_a_step_is_refused_with_the_choices(text: str) -> None:
    """One line, before anything is measured."""
    with pytest.raises(DataError, match="--step"):
        step_from(text, CPU, 10)


def test_steps_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function, and a class that is made first, with the device where it takes one."""
    (tmp_path / "my_training.py").write_text(
        "def step(images, labels):\n    return images.sum()\n\n\n"
        "class Bare:\n    def __call__(self, images, labels):\n        return labels.sum()\n\n\n"
        "class Placed(Bare):\n    def __init__(self, device):\n        self.device = device\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    images, labels = torch.ones(2, 3, 4, 4), torch.tensor([1, 2])
    for name, total in (("step", 96), ("Bare", 3), ("Placed", 3)):
        step = step_from(f"my_training:{name}", CPU, 10)
        assert step is not None
        assert step(images, labels) == total
    assert step_from("none", CPU, 10) is None


def test_a_network_learns_in_its_step() -> None:
    """The training step changes the weights and gives a loss."""
    step = step_from("resnet18", CPU, 3)
    assert step is not None
    before = [each.clone() for each in step.model.parameters()]  # type: ignore[attr-defined]
    loss = step(torch.rand(2, 3, 64, 64), torch.tensor([0, 2]))
    assert loss is not None
    assert torch.isfinite(loss)
    assert any(not torch.equal(old, new) for old, new in zip(before, step.model.parameters(), strict=True))  # type: ignore[attr-defined]


def test_a_step_that_cannot_be_is_refused(folder: Path) -> None:
    """It is data of the user's that is wrong."""
    with pytest.raises(DataError, match="is not a step"):
        LoaderWorker(LoaderPlan(str(folder), "cpu", "nonsense"))


def test_a_device_that_is_missing_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the command line that is wrong."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="sees no CUDA"):
        LoaderWorker(LoaderPlan(str(folder), "cuda", "none"))


def test_without_a_folder_images_are_generated(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The default is the folder that is made once."""
    monkeypatch.setattr("harness.tune.worker.jpeg_folder", lambda: folder)
    assert len(LoaderWorker(LoaderPlan(None, "cpu", "none")).images) == 30
