"""Loader processes in trouble: odd and damaged images, steps that raise, workers that die or hang; and
readings."""

from __future__ import annotations

import multiprocessing
import os
import signal
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import dataloader as torchs

from harness.loading.data.folder import DataError
from harness.loading.errors.messages import LoaderError
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loop import survey as surveys
from harness.loading.loop.epoch import Epoch
from harness.loading.loop.loader import Loader
from harness.loading.loop.step_option import step_from
from harness.loading.loop.survey import GAPS, survey
from harness.loading.machine.threads import one_thread
from harness.model import METRICS, LoaderSample, Setting, StepInput
from harness.tune import loop_worker
from harness.tune.messages import CountImages, ImagesCounted, LoaderPlan, MeasureEpochs, MeasureSample
from harness.tune.server import answer
from harness.tune.worker import LoaderWorker
from tests.support.living import alive

pytestmark = pytest.mark.usefixtures("own_temporary_files")

CPU = torch.device("cpu")
HERE = Setting("dataloader", 0, 0, 4)
ONE = Setting("dataloader", 1, 2, 4)


@pytest.fixture(autouse=True)
def no_process_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process outlives a test; what torch checks every five seconds it checks all the time."""
    monkeypatch.setattr(torchs._MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.05,))
    before = alive()
    with one_thread():
        yield
    assert alive().processes <= before.processes


def opened_in(root: Path, *without: str) -> LoaderWorker:
    """A worker in this process."""
    return LoaderWorker(LoaderPlan(str(root), "cpu", "none", without))


def sample(opened: LoaderWorker, setting: Setting = HERE) -> LoaderSample:
    """A short sample."""
    return opened.sample(MeasureSample(setting, StepInput.WARM, 1, 3, 0.0))


def photograph(path: Path, mode: str = "RGB") -> Path:
    """A small picture of noise."""
    path.parent.mkdir(exist_ok=True, parents=True)
    noise = Pillow.effect_noise((64, 48), 60)
    if mode == "I;16":
        Pillow.fromarray(np.asarray(noise).astype(np.uint16) * 257).save(path)
    else:
        noise.convert("RGB").convert(mode).save(path)
    return path


def folder(root: Path, count: int = 8) -> Path:
    """A folder of small pictures in two classes."""
    for number in range(count):
        photograph(root / f"class_{number % 2}" / f"{number}.jpg")
    return root


# --- images -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dataloader", "tensors", "dali"])
def test_uncommon_images_race_as_others_do(kind: str, tmp_path: Path) -> None:
    """CMYK, grey, palettes, transparency and 16 bits, decoded by every kind in the race."""
    if reason := LOADER_KINDS[kind].missing(CPU):
        pytest.skip(reason)
    modes = {"CMYK": "jpg", "L": "jpg", "P": "png", "LA": "png", "RGBA": "png", "1": "png", "I;16": "png"}
    for number, (mode, ending) in enumerate(modes.items()):
        photograph(tmp_path / "a" / f"{number}.{ending}", mode)
    count = 1 if LOADER_KINDS[kind].threads else 0
    assert sample(opened_in(tmp_path), Setting(kind, count, count, 4)).samples == 12


def huge(path: Path) -> None:
    """A PNG whose header promises more pixels than memory holds."""
    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    header = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", len(data) - 4) + data + b"\0" * 4)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.touch(),
    "cut short": lambda path: path.write_bytes(photograph(path).read_bytes()[:600]),
    "dangling": lambda path: path.symlink_to(path.with_name("nowhere")),
    "unreadable": lambda path: photograph(path).chmod(0),
    "huge": huge,
}


@pytest.mark.parametrize("damage", list(DAMAGE))
@pytest.mark.parametrize("setting", [HERE, ONE, Setting("dali", 1, 1, 4)], ids=lambda setting: setting.name)
def test_a_damaged_image_is_named_as_the_one_at_fault(damage: str, setting: Setting, tmp_path: Path) -> None:
    """Whatever reads it, the error names the file, and the worker knows which of its images that is."""
    if reason := LOADER_KINDS[setting.kind].missing(CPU):
        pytest.skip(reason)
    victim = folder(tmp_path, 3) / "class_0" / "victim.jpg"
    DAMAGE[damage](victim)
    if damage == "unreadable" and os.access(victim, os.R_OK):
        pytest.skip("this user may read everything")
    opened = opened_in(tmp_path)
    with pytest.raises(DataError, match=r"victim\.jpg cannot be decoded") as caught:
        sample(opened, setting)
    assert opened.at_fault(caught.value) == str(victim)
    assert opened.at_fault(DataError("another image is damaged", "another.jpg")) is None
    assert opened.at_fault(DataError(f"{victim} cannot be decoded (it is empty)")) is None
    assert sample(opened_in(tmp_path, str(victim)), HERE).samples == 12


def test_without_any_image_that_can_be_decoded(tmp_path: Path) -> None:
    """An error says so."""
    files = [str(file) for file in folder(tmp_path, 2).rglob("*.jpg")]
    with pytest.raises(DataError, match=f"none of the images in {tmp_path} can be decoded"):
        opened_in(tmp_path, *files)


def test_a_pipe_is_not_an_image(tmp_path: Path) -> None:
    """It is refused: reading it could wait for ever."""
    folder(tmp_path, 2)
    os.mkfifo(tmp_path / "class_0" / "pipe.jpg")
    with pytest.raises(DataError, match=r"pipe\.jpg is not a file but a pipe or a device: remove it"):
        opened_in(tmp_path)


# --- steps and workers --------------------------------------------------------------------------------------


def test_a_step_that_raises_is_named_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the option's value, the error's first line and the place in the user's own file."""
    (tmp_path / "failing_step.py").write_text(
        "import torch\n\n\ndef step(images, labels):\n    raise ValueError('no such\\nlabel')\n\n\n"
        "def deep(images, labels):\n    torch.nn.functional.cross_entropy(images, labels[:1])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, line in (("step", 5), ("deep", 9)):
        opened = opened_in(folder(tmp_path / "images", 4))
        opened.step = step_from(f"failing_step:{name}", CPU, 10)
        with pytest.raises(
            RuntimeError, match=rf"^--step failing_step:{name} raised .*failing_step\.py, line {line}\)"
        ):
            sample(opened, ONE)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_worker_that_dies_ends_its_sample_alone(name: str, tmp_path: Path) -> None:
    """The error says how the worker ended; the next sample is measured."""
    opened = opened_in(folder(tmp_path))
    before = set(multiprocessing.active_children())

    def step(images: Tensor, labels: Tensor) -> None:
        # A step may come after the worker's end: a batch was on its way.
        for worker in set(multiprocessing.active_children()) - before:
            with suppress(ProcessLookupError):
                os.kill(int(worker.pid or 0), getattr(signal, name))

    opened.step = step
    with pytest.raises(LoaderError, match=rf"a loader worker \(pid \d+\) was .*{name}"):
        sample(opened, ONE)
    opened.step = None
    assert sample(opened, ONE).samples == 12


class Hanging(Loader):
    """Batches of which the second one never comes."""

    max_wait = 0.1

    def batches(self) -> Iterator[Any]:
        """One batch."""
        yield torch.zeros(4, 1), torch.zeros(4), torch.arange(4)
        threading.Event().wait()

    def close(self) -> None:
        """Nothing to close."""


def test_a_loader_that_hangs_ends_its_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample waits for a batch no longer than the loader's timeout, and no alarm is left."""
    opened = opened_in(folder(tmp_path, 2))
    monkeypatch.setattr(opened, "_made", lambda *_, **__: Hanging())
    with pytest.raises(TimeoutError, match=r"no batch came for 0\.1 s"):
        sample(opened)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


# --- readings -----------------------------------------------------------------------------------------------


def test_a_sample_has_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading is a known metric; shared memory is what was taken beyond the level before."""
    # What other processes of this machine take or free at the same time counts in the true level.
    levels = iter([2**20, 5 * 2**20])
    monkeypatch.setattr(loop_worker, "shared_bytes", lambda: next(levels))
    found = sample(opened_in(folder(tmp_path)), ONE)
    assert {"wait_p50_seconds", "wait_p99_seconds", "first_batch_seconds", "cpu_seconds", "pss_bytes"} <= set(
        found.readings
    )
    assert set(found.readings) <= set(METRICS)
    assert found.readings["shm_bytes"] == 4 * 2**20


@pytest.mark.parametrize("persistent", [False, True])
def test_epochs_of_a_real_loader(persistent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gap between epochs is a wait, nothing is left, and persistent workers live on."""
    workers: list[set[BaseProcess]] = []
    alone = Loader.alone
    before = set(multiprocessing.active_children())

    def watched(loader: Loader) -> Epoch:
        epoch = alone(loader)
        workers.append(set(multiprocessing.active_children()) - before)
        return epoch

    monkeypatch.setattr(Loader, "alone", watched)
    setting = Setting("dataloader", 1, 2, 3)
    found = opened_in(folder(tmp_path)).epochs(MeasureEpochs(setting, 0, persistent))
    assert found["epoch_gap_seconds"] > 0
    assert (found["threads_left"], found["processes_left"]) == (0.0, 0.0)
    assert set(found) <= set(METRICS)
    during = workers[: GAPS + 1]
    assert (
        all(len(each) == 1 for each in during) and len(set.union(*during)) == 1
        if persistent
        else not any(during)
    )


class Counted(Loader):
    """Gaps of known lengths; what it leaves behind is counted."""

    def __init__(self, tree: SimpleNamespace) -> None:
        super().__init__()
        self.tree = tree
        self.gaps = iter([9.0, 3.0, 2.0, 7.0])

    def batches(self) -> Iterator[Any]:
        """None."""
        return iter(())

    def alone(self) -> Epoch:
        """The next gap."""
        nothing = torch.empty(0)
        return Epoch(nothing, nothing, readings={"epoch_gap_seconds": next(self.gaps)})

    def leave_early(self) -> None:
        """Two threads and a process too many."""
        self.tree.left = 2

    def close(self) -> None:
        """Nothing to close."""


def test_a_survey_by_known_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The median gap without the first epoch's, what NVML saw above the level before, and what was left
    behind."""
    levels = iter([100, 350])
    monkeypatch.setattr(surveys, "_device_bytes", lambda device: next(levels))
    tree: Any = SimpleNamespace(left=0)
    tree.alive = lambda: tree.left
    tree.left_since = lambda before: {
        "threads_left": float(tree.left - before),
        "processes_left": (tree.left - before) / 2,
    }
    made: list[tuple[int, int]] = []

    def make(batch_size: int, samples: int) -> Loader:
        made.append((batch_size, samples))
        return Counted(tree)

    found = survey(make, batch_size=64, batches=2, device=CPU, tree=tree)
    assert found == {
        "epoch_gap_seconds": 3.0,
        "device_bytes": 250.0,
        "threads_left": 2.0,
        "processes_left": 1.0,
    }
    assert made[0] == (64, 128)


def test_an_epoch_is_all_the_images(tmp_path: Path) -> None:
    """However few of them samples draw on."""
    assert answer(opened_in(folder(tmp_path, 5)), CountImages()) == ImagesCounted(5)
