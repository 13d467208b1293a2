"""The kinds that race, as a race makes them: each delivers what the plain loader does, and says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.loading.data.folder import Image
from harness.loading.loaders import kinds
from harness.loading.loaders.kinds import KINDS
from harness.loading.loop.check import first_difference
from harness.loading.loop.loader import Loader
from harness.measure.clock import FakeClock
from harness.model import Setting, StepInput
from harness.tune.worker import LoaderWorker
from tests.support.living import alive, until
from tests.support.photographs import by_id, delivered, photographs

CPU = torch.device("cpu")
SOME = 7

pytestmark = [
    pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities:DeprecationWarning"),
    pytest.mark.usefixtures("one_thread"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Image]]:
    """A few photographs of different sizes, and a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield photographs(tmp_path_factory.mktemp("photographs"), SOME)


def made(name: str, images: list[Image], fixed: bool) -> Loader:
    """A loader of that kind as a lane makes it, with no more workers than it must have."""
    kind = KINDS[name]
    if reason := kind.missing(CPU):
        pytest.skip(reason)
    least = 1 if kind.threads else 0
    return kind.make(Setting(name, least, 2 * least, 4), images, CPU, None, fixed)


def test_one_core_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dataset and the finishing of its batches take counts, by a fake clock; on a GPU the finishing does not."""
    clock = FakeClock()
    monkeypatch.setattr(kinds, "perf_counter", clock.now)
    finished: list[int] = []

    class Dataset:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
            clock.advance(2.0)
            return torch.zeros(3, dtype=torch.uint8), place

    def finish(batch: torch.Tensor) -> torch.Tensor:
        clock.advance(5.0)
        finished.append(len(batch))
        return batch

    kind = replace(KINDS["uint8"], prepare=lambda images, fixed: Dataset(), finish=lambda device: finish)
    assert kind.alone([], 4, CPU) == pytest.approx((10 * 2.0 + 3 * 5.0) / 10)
    assert finished == [4, 4, 2]
    assert kind.alone([], 4, torch.device("cuda")) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="no dataset"):
        KINDS["shards"].alone([], 4, CPU)


@pytest.mark.parametrize("name", list(KINDS))
def test_what_a_kind_delivers(name: str, images: list[Image]) -> None:
    """Under the recipe with nothing random: the same samples with the same labels, and pixels that are alike."""
    with made("dataloader", images, True) as plain, made(name, images, True) as loader:
        assert first_difference(list(plain.batches()), loader.batches()) is None


@pytest.mark.parametrize("name", list(KINDS))
def test_a_race_is_over_random_crops(name: str, images: list[Image]) -> None:
    """The recipe that is timed is the one for training: each epoch has the same samples and other pixels."""
    with made(name, images, False) as loader:
        first, second = delivered(loader), delivered(loader)
    for epoch in (first, second):
        assert sorted(number for _, _, ids in epoch for number in ids.reshape(-1).tolist()) == list(range(SOME))
    pairs = zip(by_id(first), by_id(second), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_lap_of_a_kind(name: str, images: list[Image]) -> None:
    """Every kind holds a lap in the midst of a long epoch, and leaves it without a thread or a process."""
    if reason := KINDS[name].missing(CPU):
        pytest.skip(reason)
    least = 1 if KINDS[name].threads else 0
    lane = LoaderWorker({"data": str(Path(images[0].path).parents[1]), "device": "cpu", "step": "none"})
    before = alive()
    assert lane.lap(Setting(name, least, 2 * least, 2), StepInput.WARM, 1, 2, 0.0).samples == 4
    assert alive().processes <= before.processes
    assert until(lambda: alive().threads <= before.threads)


def test_kinds_that_need_a_gpu_say_so() -> None:
    """And nothing else is missing for the want of one."""
    missing = {name: kind.missing(CPU) for name, kind in KINDS.items()}
    assert "no CUDA here" in str(missing["side_stream"])
    assert "no CUDA here" in str(missing["dali_gpu"]) or missing["dali"] is not None
    assert missing["dataloader"] is None


def test_a_kind_without_dali(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of DALI's kinds tell that it is not installed, and how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("dali", "dali_gpu", "dali_dynamic", "dali_capture", "dali_proxy"):
        assert "not installed (pip install nvidia-dali-cuda120" in str(KINDS[name].missing(CPU))
