"""A whole tuning on processes that reply by table: what is monitored, and what its notes say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import store
from harness.bench.resume import OtherEnvironment
from harness.errors import UsageError
from harness.model import ClockEvent, LoaderSample, Setting, Tuned
from harness.monitor.run import Monitor
from harness.tune import messages, race_workers
from harness.tune import tune as module
from harness.tune.budget import Budget
from harness.tune.client import LoaderClient
from harness.tune.messages import Introduction
from harness.tune.outcome import measurement
from harness.tune.race import SettingsGrid
from harness.tune.resume import TuneResumption, sample_of
from harness.tune.settings import TuneSettings
from harness.tune.tune import tune
from harness.workers.codec import Message, Request
from tests.support.displays import Unseen
from tests.support.replayed import UUID, Replayed
from tests.support.staged import ByHand

DECODER = "images were decoded to tensors by torchvision; TorchCodec is not installed"


class Scripted(LoaderClient):
    """Processes that reply at once: two settings, the one with a worker twice as fast."""

    def begin(self, kinds: Iterable[str]) -> None:
        """There is nothing to start."""

    def ask(self, request: Request[Any]) -> Any:
        """The reply by table."""
        reply: Message
        match request:
            case messages.Introduce():
                reply = Introduction({"device": {"type": "cuda", "uuid": UUID}}, "cuda", 24, {}, (DECODER,))
            case messages.FindDamaged():
                reply = messages.DamagedFound({})
            case messages.CheckDelivery():
                reply = messages.DeliveryChecked(None)
            case messages.MeasureSample():
                reply = messages.SampleMeasured(
                    LoaderSample(0.01 / (1 + request.setting.workers), 64, {"disk_bytes": 1.0})
                )
            case messages.MeasureOneCore():
                reply = messages.SecondsMeasured(0.01)
            case messages.MeasureCeilings():
                reply = messages.RatesMeasured({"disk": 1000.0})
            case messages.CountImages():
                reply = messages.ImagesCounted(24)
            case messages.MeasureStages():
                reply = messages.StagesMeasured(())
            case messages.MeasureEpochs():
                reply = messages.EpochsMeasured(
                    {"epoch_gap_seconds": 0.1, "threads_left": 0.0, "processes_left": 0.0}
                )
            case _:
                raise AssertionError(request)
        return reply


def tuned(monkeypatch: pytest.MonkeyPatch, folder: Path, watch: float, **readings: Any) -> Tuned:
    """A tuning of such processes, beside a replayed GPU with these readings."""
    monkeypatch.setattr(race_workers, "LoaderClient", Scripted)
    monkeypatch.setattr(
        module, "Monitor", partial(Monitor, module=Replayed(pcie_now=[[5, 16]], **readings), make=ByHand)
    )
    grid = SettingsGrid({"dataloader": (0, 1)}, prefetch=(2,))
    monkeypatch.setattr(module, "settings_grid", lambda *_: (grid, ()))
    return tune(
        TuneSettings(None, "20ms", "auto", (64,), budget=Budget.of(60.0), watch=watch), folder, Unseen()
    )


def test_every_sample_is_monitored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Readings carry the setting and the repetition, or the part of the loop; those between samples carry
    neither."""
    found = tuned(monkeypatch, tmp_path, 20.0)
    run = harness.load(tmp_path)
    seen = run.run.telemetry
    assert (seen.hertz, seen.devices) == (20.0, (UUID,))
    assert seen.cost is not None
    measured = {(each.case, each.invocation) for each in seen.series if each.quantity == "power_watts"}
    race = {
        (f"tune::race[dataloader-w{workers}-", number)
        for workers in (0, 1)
        for number in range(1, found.repetitions + 1)
    }
    samples = {
        (case[: case.rindex("-w") + 4], number) for case, number in measured if case.startswith("tune::race")
    }
    assert samples <= race and len(samples) >= found.repetitions
    assert {number for _, number in samples} == set(range(1, found.repetitions + 1))
    assert {case for case, _ in measured} >= {
        "tune::alone[dataloader-w1-p2-b64]",
        "tune::loop[cold]",
        "tune::loop[alone]",
    }
    assert set(run.telemetry.case.dropna()) == {each.case for each in seen.series if each.case}
    assert not [note for note in found.notes if "GPU" in note]


def test_a_tuning_notes_what_disturbed_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Throttling, other processes on the GPU and remarks of a process are notes; its record keeps when each
    repetition was measured."""
    hot = int(ClockEvent.HARDWARE_THERMAL)
    found = tuned(monkeypatch, tmp_path, 20.0, events=[hot], processes=[[[1, 4096]]])
    notes = " ".join(found.notes)
    assert re.search(r"the GPU was throttled in \d+ % of all blocks \(hardware thermal\)", notes)
    assert f"{UUID} was not this run's alone" in notes and DECODER in found.notes
    (first, *_) = store.load(tmp_path).measurements
    ((start, end),) = first.blocks
    assert end - start == pytest.approx(first.seconds)


def test_a_tuning_that_is_not_monitored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a rate of 0 there is no telemetry and no note about it."""
    found = tuned(monkeypatch, tmp_path, 0.0, events=[64])
    assert not (tmp_path / store.TELEMETRY_FILE).exists()
    assert found.notes == (DECODER,)


def test_a_tuning_goes_on_with_its_repetitions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Interrupted behind its third sample: the race goes through what it has, and measures only what is
    missing, into files of its own."""
    asked: list[messages.MeasureSample] = []
    most = [3]

    class Counted(Scripted):
        def ask(self, request: Request[Any]) -> Any:
            if isinstance(request, messages.MeasureSample) and not request.alone:
                if len(asked) == most[0]:
                    raise KeyboardInterrupt
                asked.append(request)
            return super().ask(request)

    monkeypatch.setattr(race_workers, "LoaderClient", Counted)
    grid = SettingsGrid({"dataloader": (0, 1)}, prefetch=(2,))
    monkeypatch.setattr(module, "settings_grid", lambda *_: (grid, ()))

    def settings() -> TuneSettings:
        return TuneSettings(None, "20ms", "auto", (64,), budget=Budget.of(60.0), watch=0.0)

    with pytest.raises(KeyboardInterrupt):
        tune(settings(), tmp_path, Unseen())
    there = store.load(tmp_path)
    kept = sum(len(one.trials) for one in there.measurements)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.jsonl")}
    assert kept >= 1
    most[0] = 1000
    asked.clear()
    resumption = TuneResumption.of(there)
    resumption.check_request(settings())
    found = tune(settings(), tmp_path, Unseen(), resumption)
    run = store.load(tmp_path)
    assert found.answer is not None
    assert sum(each.samples for each in found.ranked) == sum(len(one.trials) for one in run.measurements)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert len({one.invocation for one in run.measurements}) == len(run.measurements)
    assert (len(run.resumed), run.ended.complete) == (1, True)


def test_a_tuning_goes_on_in_the_same_environment_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What differs is named, and a part that measured nothing leaves nothing."""
    tuned(monkeypatch, tmp_path, 0.0)
    there = store.load(tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    settings = TuneSettings(None, "20ms", "auto", (32,), budget=Budget.of(60.0), watch=0.0)
    with pytest.raises(OtherEnvironment, match=r"batch_sizes.0: 64 -> 32"):
        TuneResumption.of(there).check_request(settings)
    elsewhere = replace(there, environment={"device": {"type": "cuda", "uuid": "GPU-other"}})
    resumption = TuneResumption.of(elsewhere)
    with pytest.raises(OtherEnvironment, match=f"device.uuid: GPU-other -> {UUID}"):
        tune(replace(settings, batch_sizes=(64,)), tmp_path, Unseen(), resumption)
    resumption.discard()
    assert {path.name for path in tmp_path.iterdir()} == files
    with pytest.raises(UsageError, match="does not say what it raced"):
        TuneResumption.of(replace(there, facts={}))


def test_a_sample_comes_back_as_it_was() -> None:
    """Its seconds, its readings, and whether it was cut off."""
    setting, other = Setting("dataloader", 1, 2, 64), Setting("dataloader", 0, 0, 64)
    samples = {
        setting: LoaderSample(0.5, 1, {"disk_bytes": 2.0}, cut=True),
        other: LoaderSample(0.25, 1),
    }
    written = measurement(samples, 3, 1.0, 2.0)
    assert {each: sample_of(written, each) for each in samples} == samples
    assert sample_of(written, Setting("dataloader", 2, 2, 64)) is None
