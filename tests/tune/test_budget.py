"""A tuning's budget on a clock by script: whatever the machine does, it ends in time, and says how sure it
is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.loading.loaders import LOADER_KINDS
from harness.measure.clock import FakeClock
from harness.model import Certainty, LoaderSample, SampleStage, Setting, StageName, StepInput, Tuned, Undone
from harness.tune import messages, race_workers
from harness.tune import tune as module
from harness.tune.budget import Budget
from harness.tune.client import LoaderClient, OutOfTime
from harness.tune.messages import Introduction
from harness.tune.pace import RacePace
from harness.tune.race import SettingsGrid
from harness.tune.settings import TuneSettings
from harness.tune.tune import tune
from harness.workers.codec import Message, Request
from harness.workers.collect import WorkerError
from tests.support.displays import Unseen

KINDS = ("dataloader", "tensors", "uint8", "dali")


@dataclass(frozen=True, slots=True)
class Machine:
    """How long things take, in seconds: starting a process, its workers, a batch on one core, a step."""

    start: float
    batch: float
    step: float = 0.02
    workers: float = 0.3


QUIET = Machine(start=4.0, batch=0.5)
BUSY = Machine(start=15.0, batch=1.5, workers=1.5)
CROWDED = Machine(start=26.0, batch=8.0, workers=5.0)
SLOW_STEP = Machine(start=4.0, batch=0.5, step=20.0)


class Simulated(LoaderClient):
    """Processes whose replies take what a machine takes, and that are given up when time is up."""

    clock: FakeClock
    machine: Machine
    started: set[bool]

    def __enter__(self) -> LoaderClient:
        self.started = set()
        return self

    def begin(self, kinds: Iterable[str]) -> None:
        """Side by side."""
        if missing := {LOADER_KINDS[kind].threads for kind in kinds} - self.started:
            self._takes(self.machine.start)
            self.started |= missing

    def _takes(self, seconds: float) -> None:
        left = max(0.0, self._left())
        self.clock.advance(min(seconds, left))
        if seconds > left:
            raise OutOfTime("no time was left")

    def ask(self, request: Request[Any]) -> Any:
        """The reply, after the time that it takes."""
        if self._left() <= 0:
            raise OutOfTime("no time was left")
        threads = isinstance(request, messages.SettingRequest) and LOADER_KINDS[request.setting.kind].threads
        if threads not in self.started:
            self._takes(self.machine.start)
            self.start_seconds = self.machine.start
            self.started.add(threads)
        machine = self.machine
        reply: Message
        match request:
            case messages.Introduce():
                reply = Introduction({}, "cpu", 256, {})
            case messages.FindDamaged():
                self._takes(machine.batch)
                reply = messages.DamagedFound({})
            case messages.CheckDelivery():
                self._takes(machine.batch + 2 * machine.workers)
                reply = messages.DeliveryChecked(None)
            case messages.MeasureSample():
                reply = messages.SampleMeasured(self._sample(request))
            case messages.MeasureOneCore():
                self._takes(min(4 * machine.batch, request.most_seconds))
                reply = messages.SecondsMeasured(machine.batch / 64)
            case messages.MeasureStages():
                self._takes(min(4 * machine.batch, request.most_seconds))
                reply = messages.StagesMeasured((SampleStage(StageName.DECODE, 0.01),))
            case messages.MeasureCeilings():
                self._takes(min(2 * machine.batch, request.most_seconds))
                reply = messages.RatesMeasured({})
            case messages.CountImages():
                reply = messages.ImagesCounted(256)
            case messages.MeasureEpochs():
                self._takes(5 * (machine.workers * request.setting.workers + machine.batch))
                reply = messages.EpochsMeasured(
                    {"epoch_gap_seconds": 0.5, "threads_left": 0.0, "processes_left": 0.0}
                )
            case _:
                raise AssertionError(request)
        return reply

    def _sample(self, request: messages.MeasureSample) -> LoaderSample:
        machine, setting = self.machine, request.setting
        each = max(machine.step, machine.batch / max(1, min(2, setting.workers)))
        if request.step_input is StepInput.RESIDENT:
            each = machine.step
        seconds = machine.workers * setting.workers
        batches = 0
        while batches < setting.depth + request.count and not (batches and seconds >= request.most_seconds):
            seconds += each
            batches += 1
        self._takes(seconds)
        cut = batches < setting.depth + request.count
        return LoaderSample((seconds / batches if cut else each) / 64, 64, {}, cut)


def tuned(
    machine: Machine, seconds: float, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str = "20ms"
) -> tuple[Tuned, float]:
    """A tuning on such a machine: what it found, and the share of its budget that it took."""
    clock = FakeClock()
    monkeypatch.setattr(race_workers, "LoaderClient", Simulated)
    monkeypatch.setattr(Simulated, "clock", clock, raising=False)
    monkeypatch.setattr(Simulated, "machine", machine, raising=False)
    axes = SettingsGrid({kind: (1, 2, 4) if kind == "dali" else (0, 1, 2, 4) for kind in KINDS}, cores=2)
    monkeypatch.setattr(module, "settings_grid", lambda *_: (axes, ()))
    budget = Budget.of(seconds, now=clock.now)
    found = tune(TuneSettings(None, step, "auto", (64,), KINDS, budget=budget, watch=0.0), folder, Unseen())
    return found, clock.now() / seconds


@pytest.mark.parametrize("seconds", [60.0, 90.0, 300.0, 1800.0])
@pytest.mark.parametrize("machine", [QUIET, BUSY, CROWDED], ids=["quiet", "busy", "crowded"])
def test_a_tuning_keeps_its_budget(
    machine: Machine, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it does counts, from the first process that starts to the last look at the winner."""
    found, took = tuned(machine, seconds, tmp_path, monkeypatch)
    assert took <= 1.0
    assert found.answer is not None and found.grid == 39
    assert found.budget == seconds and found.seconds <= seconds
    answer = found.of(found.answer)
    assert answer is not None
    if answer.samples == 1:
        assert found.certainty is Certainty.PROVISIONAL
    if found.certainty is Certainty.PROVISIONAL:
        assert found.needs > seconds


def test_more_time_finds_out_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a quiet machine half an hour is enough for everything, and the default five minutes for a sure
    answer."""
    runs = {}
    for seconds in (40.0, 300.0, 1800.0):
        folder = tmp_path / f"{seconds:g}"
        folder.mkdir()
        runs[seconds] = tuned(QUIET, seconds, folder, monkeypatch)[0]
    assert runs[1800.0].undone == () and runs[1800.0].headroom is not None
    assert runs[1800.0].certainty is not Certainty.PROVISIONAL
    assert runs[300.0].certainty is not Certainty.PROVISIONAL and runs[300.0].headroom is not None
    assert runs[40.0].certainty is Certainty.PROVISIONAL
    assert len(runs[40.0].ranked) < len(runs[300.0].ranked) <= len(runs[1800.0].ranked)


def test_without_time_for_all_kinds_some_do_not_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind whose process takes long to start is left out, and named, rather than all samples."""
    found, _ = tuned(BUSY, 60.0, tmp_path, monkeypatch)
    assert Undone.KINDS in found.undone
    assert any(note.startswith("dali does not race") for note in found.notes)
    assert found.certainty is Certainty.PROVISIONAL


def test_a_sample_of_one_setting_is_an_answer_whatever_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is slower than the budget: one batch of one setting, which is provisional."""
    found, took = tuned(Machine(4.0, 0.5, step=200.0), 60.0, tmp_path, monkeypatch, "resnet50")
    assert found.answer is not None and found.certainty is Certainty.PROVISIONAL
    assert len(found.ranked) == 1 and 2.0 < took < 4.0
    assert Undone.LOOP in found.undone


def test_limits_follow_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a step of twenty seconds samples are cut off, no setting fails for being slow, and the budget is
    kept."""
    found, took = tuned(SLOW_STEP, 300.0, tmp_path, monkeypatch, "resnet50")
    assert took <= 1.0
    assert found.failed == {} and len(found.ranked) >= 3
    assert found.certainty is Certainty.PROVISIONAL


def test_a_budget_that_is_over_before_anything_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If not even torch can be imported in time, the error says so, and what to do."""
    with pytest.raises(
        WorkerError, match=r"budget of 20 s was used up before torch was imported.*larger --budget"
    ):
        tuned(Machine(start=30.0, batch=1.0), 20.0, tmp_path, monkeypatch)


def test_a_budget_has_shares() -> None:
    """Each ends earlier than the whole, and all begin with it."""
    clock = FakeClock()
    budget = Budget.of(100.0, now=clock.now)
    clock.advance(30.0)
    assert (budget.left(), budget.used(), budget.seconds) == (70.0, 30.0, 100.0)
    assert budget.until(0.2).left() == pytest.approx(-10.0)
    assert budget.until(0.6).until(0.5).left() == pytest.approx(0.0)


def test_the_answer_comes_before_its_diagnosis() -> None:
    """The race takes the time of what follows it until two settings have been compared, or the one that there
    is."""
    clock = FakeClock()
    pace = RacePace(Budget.of(100.0, now=clock.now))
    pace.begin(39)
    clock.advance(50.0)
    assert pace.race().left() == pytest.approx(35.0)
    first, second = Setting("dataloader", 1, 2, 64), Setting("dataloader", 2, 2, 64)
    for setting in (first, second, first, second):
        assert pace.race().left() == pytest.approx(35.0)
        pace.ran(setting, 5.0)
    assert pace.race().left() == pytest.approx(10.0)
    assert pace.room([first, second, first]) == 2
    assert pace.most(1) == pytest.approx(10.0)
    alone = RacePace(Budget.of(100.0, now=clock.now))
    alone.begin(1)
    alone.ran(first, 1.0)
    alone.ran(first, 1.0)
    assert alone.race().left() == pytest.approx(60.0)


def test_samples_that_were_not_measured_yet_are_estimated() -> None:
    """By the setting itself, by one of its kind, slower with fewer workers, else by the median of all."""
    pace = RacePace(Budget.of(100.0))
    assert pace.lasts(Setting("dataloader", 0, 0, 64)) == 0.0
    pace.ran(Setting("dataloader", 2, 2, 64), 4.0)
    pace.ran(Setting("dali", 2, 2, 64), 2.0)
    workers = {count: pace.lasts(Setting("dataloader", count, 2, 64)) for count in (0, 1, 2, 4)}
    assert workers == {0: 8.0, 1: 8.0, 2: 4.0, 4: 4.0}
    assert pace.lasts(Setting("tensors", 2, 2, 64)) == 3.0
