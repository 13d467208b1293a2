"""The loader processes of a race: images that are left out, and processes that are replaced."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from harness.model import LoaderSample, Setting, StepInput
from harness.tune import race_workers
from harness.tune.client import LoaderWorkerError
from harness.tune.messages import LoaderPlan, MeasureSample, SampleMeasured
from harness.tune.race_workers import REPETITIONS_A_PROCESS, RaceWorkers
from harness.workers.collect import WorkerError

PLAN = LoaderPlan(None, "cpu", "none")
SETTING = Setting("dataloader", 0, 0, 64)


class Torn:
    """Processes that come across a damaged image, a different one each time, until all of them are left
    out."""

    opened: list[list[str]]
    damaged: list[str]
    start_seconds: float | None = None

    def __init__(self, python: str, plan: LoaderPlan, log: Path, **more: object) -> None:
        self.more = more
        self.without = list(plan.without)
        self.opened.append(self.without)

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def begin(self, kinds: Iterable[str]) -> None:
        """They run."""

    def leave_out(self, files: Iterable[str]) -> None:
        """From now on."""
        self.without += files

    def ask(self, request: MeasureSample) -> SampleMeasured:
        """A sample of what is left."""
        for file in self.damaged:
            if file not in self.without:
                raise LoaderWorkerError(f"{file} cannot be decoded (it is empty): remove or replace it", file)
        return SampleMeasured(LoaderSample(1.0, 64))


def torn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: list[str]
) -> tuple[RaceWorkers, list[str]]:
    notes: list[str] = []
    monkeypatch.setattr(race_workers, "LoaderClient", Torn)
    monkeypatch.setattr(Torn, "opened", [], raising=False)
    monkeypatch.setattr(Torn, "damaged", damaged, raising=False)
    return RaceWorkers("python", PLAN, tmp_path, note=notes.append), notes


def test_a_damaged_image_is_left_out_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is no setting's fault: the same processes measure again without it, and a note says so."""
    running, notes = torn(monkeypatch, tmp_path, ["a.jpg", "b.jpg"])
    with running:
        running.images = 40
        assert running.sample(SETTING, StepInput.WARM, seed=1).samples == 64
        assert len(Torn.opened) == 1
        running.close()
        running.sample(SETTING, StepInput.WARM, seed=1)
    assert Torn.opened[-1] == ["a.jpg", "b.jpg"]
    assert notes[0] == "left out: a.jpg cannot be decoded (it is empty): remove or replace it"


def test_too_many_damaged_images_end_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With more than a tenth of them the data needs a look first."""
    running, notes = torn(monkeypatch, tmp_path, [f"{number}.jpg" for number in range(9)])
    with (
        running,
        pytest.raises(WorkerError, match=r"5 of 40 images cannot be decoded, more than 10%: 4\.jpg cannot"),
    ):
        running.images = 40
        running.sample(SETTING, StepInput.WARM, seed=1)
    assert len(notes) == 4
    running, notes = torn(monkeypatch, tmp_path, [])
    with running:
        running.images = 40
        running.leave_out({"x.jpg": "x.jpg cannot be decoded", "y.jpg": "y.jpg cannot be decoded"})
    assert notes == ["left out: x.jpg cannot be decoded, and 1 more that cannot be decoded"]


def test_every_process_gets_the_borrowed_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the bound on how long a reply may take."""
    torn(monkeypatch, tmp_path, [])

    def left() -> float:
        return 3.0

    with RaceWorkers("python", PLAN, tmp_path, borrowed=tmp_path / "borrowed", left=left) as running:
        for _ in range(2):
            opened = cast(Torn, running.client())
            assert opened.more == {"borrowed": tmp_path / "borrowed", "left": left}
            running.close()


def test_processes_are_replaced_after_some_repetitions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those that only answered requests are replaced first; then each runs two, unless it was closed
    before."""
    running, _ = torn(monkeypatch, tmp_path, [])
    with running:
        running.client()
        counts = []
        for _ in range(2 * REPETITIONS_A_PROCESS + 1):
            running.begin_repetition([SETTING])
            counts.append(len(Torn.opened))
        running.close()
        running.begin_repetition([SETTING])
    assert counts == [2, 2, 3, 3, 4]
    assert len(Torn.opened) == 5


def test_processes_run_on_if_starting_others_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Processes that take ten seconds to start are not replaced while only fifty are left."""
    running, _ = torn(monkeypatch, tmp_path, [])
    monkeypatch.setattr(Torn, "start_seconds", 10.0)
    with running:
        for _ in range(2 * REPETITIONS_A_PROCESS):
            running.begin_repetition([SETTING], 50.0)
        assert len(Torn.opened) == 1
        running.begin_repetition([SETTING], 500.0)
        assert len(Torn.opened) == 2
