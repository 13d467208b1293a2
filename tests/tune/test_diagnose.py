"""What is found out about the winners, on replies by table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest

from harness.model import LoaderSample, Ranked, SampleStage, Setting, StageName, StepInput, Undone
from harness.tune.budget import Budget
from harness.tune.client import LoaderWorkerError, OutOfTime
from harness.tune.diagnose import Diagnoser
from harness.tune.diagnosis import Diagnosis, epoch_start
from harness.tune.messages import (
    CountImages,
    EpochsMeasured,
    ImagesCounted,
    MeasureCeilings,
    MeasureEpochs,
    MeasureOneCore,
    MeasureStages,
    RatesMeasured,
    SecondsMeasured,
    StagesMeasured,
)
from harness.tune.race_workers import RaceWorkers
from harness.workers.codec import Message, Request

ANSWER = Setting("dataloader", 2, 2, 10)
OTHER = Setting("tensors", 2, 2, 10)
DALI = Setting("dali", 2, 2, 10)


def place(setting: Setting = ANSWER, wait: float = 0.0) -> Ranked:
    return Ranked(setting, 4, 1.0, 0.99, 1.01, False, True, 0.01, {"wait_seconds": wait})


def test_what_it_costs_to_begin_an_epoch() -> None:
    """The wait for the first batch, less what the loop waits for a batch of every worker anyway."""
    assert epoch_start(place(), 0.5) == 0.5
    assert epoch_start(place(wait=0.01), 0.5) == pytest.approx(0.5 - 0.01 * 10 * 2)
    assert epoch_start(place(wait=0.1), 0.5) == 0.0
    assert epoch_start(place(Setting("dataloader", 0, 0, 10), wait=0.01), 0.1) == pytest.approx(0.0)


@pytest.mark.parametrize(("samples", "persistent"), [(1000, True), (1_000_000, False)])
def test_persistent_workers_are_worth_it_if_epochs_are_short(samples: int, persistent: bool) -> None:
    """A gap that is half a second shorter is worth it for an epoch of ten seconds, not for one of hours."""
    epochs = {ANSWER.name: {"epoch_gap_seconds": 0.7, "persistent_gap_seconds": 0.2}}
    cost = Diagnosis(epochs=epochs, samples=samples).epoch_cost(place(), 0.03)
    assert cost is not None
    assert cost.seconds == pytest.approx(samples * 0.01 + 0.7)
    assert cost.gain == pytest.approx(0.5 / cost.seconds)
    assert cost.persistent is persistent


def test_epochs_that_are_not_known() -> None:
    """Without readings of epochs, or a count of images, nothing is claimed; without workers nothing is
    gained."""
    epochs = {ANSWER.name: {"epoch_gap_seconds": 0.7}}
    assert Diagnosis(samples=10).epoch_cost(place(), 0.03) is None
    assert Diagnosis(epochs=epochs).epoch_cost(place(), 0.03) is None
    cost = Diagnosis(epochs=epochs, samples=10).epoch_cost(place(), 0.03)
    assert cost is not None and cost.gain == 0.0 and not cost.persistent


class Answering:
    """Loader processes that reply from a table; the requests and samples in ``wrong`` raise instead."""

    start_seconds = 0.0

    def __init__(self, **wrong: LoaderWorkerError) -> None:
        self.wrong = wrong

    def ask(self, request: Request[Any]) -> Message:
        """The table's reply."""
        if type(request).__name__ in self.wrong:
            raise self.wrong[type(request).__name__]
        match request:
            case MeasureOneCore():
                return SecondsMeasured(0.02)
            case MeasureStages():
                return StagesMeasured(
                    (SampleStage(StageName.DECODE, 0.01), SampleStage(StageName.DECODE_FASTEST, 0.005))
                )
            case MeasureCeilings():
                return RatesMeasured({"disk": 1000.0})
            case CountImages():
                return ImagesCounted(640)
            case MeasureEpochs(persistent=persistent):
                left = {"threads_left": 0.0, "processes_left": 0.0}
                return EpochsMeasured({"epoch_gap_seconds": 0.2 if persistent else 0.7, **left})
        raise AssertionError(request)

    def close(self) -> None:
        """As if there were processes."""

    def begin_repetition(self, settings: Iterable[Setting], left: float) -> None:
        """As if there were new ones every time."""

    def sample(
        self, setting: Setting, step_input: StepInput, *, alone: bool = False, **_: object
    ) -> LoaderSample:
        """A sample that is twice as fast without a step."""
        if "sample" in self.wrong:
            raise self.wrong["sample"]
        return LoaderSample(0.005 if alone else 0.01, 64)


KILLED = LoaderWorkerError("its process was killed")


def found_of(
    workers: Answering, left: float = 60.0, step: bool = False
) -> tuple[Diagnosis, list[str], list[Undone]]:
    """A diagnosis with so many seconds left, its notes, and what was not done."""
    notes: list[str] = []
    budget = Budget.of(left, now=lambda: 0.0)
    diagnoser = Diagnoser(cast(RaceWorkers, workers), lambda _: None, budget, notes, lambda _: 2.0)
    found = diagnoser.diagnose(ANSWER, [DALI, ANSWER, OTHER], 2, step=step, copies=False)
    return found, notes, list(diagnoser.undone)


def test_findings_come_together() -> None:
    """Rates of one core, shares of all, the loader alone, gaps with workers of both sorts, an epoch's
    length."""
    found, notes, undone = found_of(Answering())
    assert notes == [] and undone == []
    assert found.ceilings == {
        "dali": 50.0,
        "dataloader": 50.0,
        "tensors": 50.0,
        "disk": 1000.0,
        "decode": 200.0,
    }
    assert found.alone[ANSWER.name].share == pytest.approx(0.02 / 0.005 / 2)
    assert found.epochs[ANSWER.name]["epoch_gap_seconds"] == 0.7
    assert found.epochs[ANSWER.name]["persistent_gap_seconds"] == 0.2
    assert "persistent_gap_seconds" not in found.epochs[DALI.name]
    whole = found.completed(place())
    assert whole.ceiling == pytest.approx(2.0)
    assert whole.readings["loader_seconds"] == 0.005
    assert whole.readings["epoch_seconds"] == pytest.approx(640 * 0.01 + 0.7)


@pytest.mark.parametrize(
    "request_name",
    ["MeasureOneCore", "MeasureStages", "MeasureCeilings", "CountImages", "MeasureEpochs", "sample"],
)
def test_what_cannot_be_found_out_costs_nothing_else(request_name: str) -> None:
    """A process that dies over one request leaves a note, and the replies to the others."""
    found, notes, _ = found_of(Answering(**{request_name: KILLED}))
    assert any("its process was killed" in note for note in notes)
    known = {
        "MeasureOneCore": bool(found.alone),
        "MeasureStages": bool(found.stages),
        "MeasureCeilings": "disk" in found.ceilings,
        "CountImages": found.samples is not None,
        "MeasureEpochs": bool(found.epochs),
        "sample": bool(found.alone),
    }
    one_core = {"MeasureOneCore", "sample"}
    lost = one_core if request_name in one_core else {request_name}
    assert {name for name, there in known.items() if not there} == lost


@pytest.mark.parametrize(
    ("left", "undone"),
    [
        (0.0, [Undone.LOOP, Undone.EPOCHS, Undone.STAGES, Undone.CEILINGS, Undone.CORES, Undone.OTHERS]),
        (4.5, [Undone.LOOP, Undone.STAGES, Undone.CEILINGS, Undone.CORES]),
        (20.0, []),
    ],
)
def test_parts_that_no_longer_fit_are_left_out(left: float, undone: list[Undone]) -> None:
    """Each takes what it takes by the samples of the race; what there is no time for is not begun, and is
    named."""
    found, notes, missing = found_of(Answering(), left, step=True)
    assert missing == undone and notes == []
    assert (found.headroom is None) == (Undone.LOOP in undone)
    assert (ANSWER.name in found.epochs) == (Undone.EPOCHS not in undone)


def test_a_part_that_is_out_of_time_costs_nothing_else() -> None:
    """A process that was still at work when time was up is not at fault."""
    found, notes, undone = found_of(Answering(MeasureEpochs=OutOfTime("no time was left")))
    assert notes == [] and undone == [Undone.EPOCHS, Undone.OTHERS]
    assert found.stages and found.alone and not found.epochs


def test_a_loop_that_cannot_be_taken_apart_keeps_the_rest() -> None:
    """Without a headroom there is still the answer."""
    found, _, _ = found_of(Answering(sample=KILLED), step=True)
    assert found.headroom is None and "alone" not in found.ceilings
    assert found.epochs and found.samples == 640
