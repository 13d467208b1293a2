"""Which grid of settings a machine gets, and what it has no room for."""

from __future__ import annotations

import re

import pytest

from harness.errors import UsageError
from harness.loading.machine.limits import FreeBytes, WorkerRoom
from harness.report.builders.tuning_words import no_room
from harness.tune import grid as module
from harness.tune.grid import NothingFits, settings_grid
from harness.tune.messages import Introduction
from harness.tune.settings import TuneSettings

GIB = 2**30
HERE = Introduction({}, "cpu", 24, {"tensors": "this torchvision decodes no images any more"})
COMPLETE = Introduction({}, "cpu", 24, {})


def requested(*kinds: str, workers: tuple[int, ...] = ()) -> TuneSettings:
    """A tuning of these kinds."""
    return TuneSettings(None, "none", "auto", (64,), kinds, workers)


def machine(
    monkeypatch: pytest.MonkeyPatch, *, cores: int = 2, memory: int = 8 * GIB, shared: int = 8 * GIB
) -> None:
    there = WorkerRoom(cores, FreeBytes(memory, 16 * GIB, "memory"), FreeBytes(shared, 16 * GIB, "/dev/shm"))
    monkeypatch.setattr(module, "this_machine", lambda: there)
    monkeypatch.setattr(module, "usable_cores", lambda: cores)


def test_the_grid_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds that are installed, worker counts up to what the cores carry; threads begin at one."""
    machine(monkeypatch)
    axes, left_out = settings_grid(HERE, requested("dataloader", "tensors", "dali", "dali_dynamic"))
    grid = axes.grid()
    assert left_out == ()
    assert {setting.kind for setting in grid} == {"dataloader", "dali", "dali_dynamic"}
    assert {setting.workers for setting in grid if setting.kind == "dataloader"} == {0, 1, 2, 4}
    assert {setting.workers for setting in grid if setting.kind == "dali"} == {1, 2, 4}
    assert {setting.prefetch for setting in grid if setting.kind == "dali"} == {1, 2, 4}
    assert {setting.prefetch for setting in grid if setting.kind == "dali_dynamic"} == {2}


def test_more_workers_than_cores_are_raced_if_they_are_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are slow, not wrong; by default they are left out."""
    machine(monkeypatch, cores=1)
    assert {
        setting.workers for setting in settings_grid(HERE, requested("dataloader", workers=(16,)))[0].grid()
    } == {16}
    axes, left_out = settings_grid(HERE, requested("dataloader"))
    assert max(setting.workers for setting in axes.grid()) == 2
    assert [each.limit for each in left_out] == ["cores"] and "dataloader-w4-p2-b64" in left_out[0].settings


@pytest.mark.parametrize(
    ("room", "limit", "named", "remedy"),
    [
        (
            {"shared": 64 * 2**20},
            "shared memory",
            "64 MiB of 16.0 GiB free in /dev/shm",
            "--shm-size=8g, or --ipc=host",
        ),
        ({"memory": 100 * 2**20}, "memory", "100 MiB of 16.0 GiB free in memory", "a smaller --batch-size"),
    ],
)
def test_what_does_not_fit_is_named(
    room: dict[str, int], limit: str, named: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A /dev/shm, or a memory, too small for even one worker: which settings it costs, the numbers and the
    remedy."""
    machine(monkeypatch, **room)
    axes, left_out = settings_grid(HERE, requested("dataloader"))
    assert {setting.workers for setting in axes.grid()} == {0}
    lost = [each for each in left_out if each.limit == limit]
    assert all(named in each.sentence for each in lost)
    names = {name for each in lost for name in each.settings}
    assert names >= {f"dataloader-w{workers}-p2-b64" for workers in (1, 2, 4)}
    assert remedy in no_room(lost[0]) and named in no_room(lost[0])
    with pytest.raises(NothingFits, match="no setting fits into this machine") as refused:
        settings_grid(HERE, requested("dataloader", workers=(2, 4)))
    lost = [each for each in refused.value.left_out if each.limit == limit]
    assert re.search(f"for want of {limit}.*to race them, ", no_room(lost[0]))


def test_uint8_batches_are_a_quarter_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that hand over bytes fit where those that hand over floats do not."""
    machine(monkeypatch, shared=64 * 2**20)
    grid = settings_grid(COMPLETE, requested("dataloader", "uint8"))[0].grid()
    assert {setting.workers for setting in grid if setting.kind == "dataloader"} == {0}
    assert max(setting.workers for setting in grid if setting.kind == "uint8") == 4


def test_samples_of_ones_own_are_as_large_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What /dev/shm has no room for is by the bytes of the dataset's own samples."""
    machine(monkeypatch, shared=64 * 2**20)
    for sample_bytes, most in ((1000, 4), (300_000, 1), (2**20, 0)):
        there = Introduction({}, "cpu", 24, {}, sample_bytes=sample_bytes)
        axes, left_out = settings_grid(there, requested("dataloader"))
        assert max(setting.workers for setting in axes.grid() if setting.prefetch in (0, 2)) == most
        assert {each.limit for each in left_out} - {"cores"} == ({"shared memory"} if most < 4 else set())


@pytest.mark.parametrize(
    ("kinds", "workers", "message"),
    [
        (("tensors",), (), "tensors: this torchvision decodes no images"),
        (("dali",), (0,), "--workers: dali needs at least one thread; name a count of 1 or more"),
    ],
)
def test_kinds_that_cannot_race(
    kinds: tuple[str, ...], workers: tuple[int, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind that is missing, or needs other worker counts, is one clear line."""
    machine(monkeypatch)
    with pytest.raises(UsageError, match=message):
        settings_grid(HERE, requested(*kinds, workers=workers))
