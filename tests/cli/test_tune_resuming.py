"""``tune --resume RUN`` as it is typed: which tunings can be resumed, and the statuses. Nothing is raced."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.model import Certainty, EndReason, Measurement, Tuned
from harness.store import RUN_FILE, TUNE, TUNED_FILE, open_resumed, write_tuned
from harness.store.codec import to_json
from harness.store.parts import being_measured
from harness.tune.resume import TuneResumption, asked
from harness.tune.settings import TuneSettings
from tests.support.saved import ENVIRONMENT, save
from tests.support.tuned import TUNED

Captured = pytest.CaptureFixture[str]
Ran = Callable[..., tuple[int, str, str]]


class Played:
    """In the place of racing: it gives a result, in this environment."""

    def __init__(self) -> None:
        self.environment: Mapping[str, Any] = ENVIRONMENT
        self.asked: dict[str, Any] = {}
        self.parts: list[int] = []

    def __call__(
        self, settings: TuneSettings, folder: Path, _: object, resumption: TuneResumption | None
    ) -> Tuned:
        """The result, as the real one gives it."""
        self.asked = asked(settings)
        if resumption is not None:
            open_resumed(folder, resumption.part, after=resumption.repetition, budget=60.0).close()
            resumption.check_environment(self.environment)
            self.parts.append(resumption.part)
        return replace(TUNED, certainty=Certainty.DECIDED, undone=())


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """What tunings do here."""
    made = Played()
    monkeypatch.setattr("harness.tune.tune.tune", made)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return made


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, played: Played) -> Ran:
    """Types ``tune``; its status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def typed(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["tune", "--no-page", *arguments])
        out = capsys.readouterr()
        return status, out.out, out.err

    return typed


@pytest.fixture
def stopped(ran: Ran, played: Played) -> Path:
    """The folder of a tuning that was killed after one repetition; it was asked for what is typed here."""
    assert ran()[0] == 0
    return save(
        Path("results") / "tuned", [], [Measurement("tune::race", "tune", 1)], profile=TUNE, asked=played.asked,
        ended=EndReason.INTERRUPTED,
    )  # fmt: skip


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_it_goes_on_and_then_it_is_complete(ran: Ran, stopped: Path, played: Played) -> None:
    """A further part is added; then nothing is missing, and that is said."""
    record = (stopped / RUN_FILE).read_bytes()
    status, out, _ = ran("--resume", "tuned")
    assert (status, played.parts) == (0, [2])
    assert f"saved in {stopped}" in out
    assert (stopped / RUN_FILE).read_bytes() == record
    status, out, err = ran("--resume", "tuned")
    assert (status, out, played.parts) == (2, "", [2])
    assert f"--resume: {stopped} is complete; python -m harness report {stopped} shows it" in err


@pytest.mark.parametrize(
    "content", ['{"data": ', json.dumps(to_json(replace(TUNED, certainty=Certainty.PROVISIONAL)))]
)
def test_one_without_a_final_result_goes_on(ran: Ran, stopped: Path, played: Played, content: str) -> None:
    """A provisional result leaves something to race; a damaged one is made anew."""
    write_tuned(stopped, content)
    assert ran("--resume", "tuned")[0] == 0
    assert played.parts == [2]
    assert json.loads((stopped / TUNED_FILE).read_text())["certainty"] == Certainty.DECIDED


def _not_there(_: Path) -> str:
    return "nope"


def _a_run(stopped: Path) -> str:
    return save(stopped.parent / "measured", [], []).name


def _edited(stopped: Path) -> str:
    path = stopped / RUN_FILE
    path.write_text(path.read_text().replace('"none"', '"20ms"'))
    return stopped.name


def _of_an_earlier_version(stopped: Path) -> str:
    return save(stopped.parent / "old", [], [], profile=TUNE).name


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_not_there, "--resume: no tuning that can be resumed is called 'nope' in results; there is "),
        (_a_run, "--resume: measured is a run, and no tuning that can be resumed; there is "),
        (_edited, f"{RUN_FILE}:1 was changed after it was written"),
        (_of_an_earlier_version, "does not say what it raced"),
    ],
)
def test_what_cannot_be_resumed_says_why(
    ran: Ran, stopped: Path, played: Played, make: Callable[[Path], str], words: str
) -> None:
    """One sentence and status 2, and nothing in the folder changes."""
    named = make(stopped)
    before = _files(stopped)
    status, out, err = ran("--resume", named)
    assert (status, out, played.parts) == (2, "", [])
    assert words in err
    assert len(err.splitlines()) == 1
    assert _files(stopped) == before


def test_a_tuning_that_is_being_measured(ran: Ran, stopped: Path, played: Played) -> None:
    """The process that measures it has marked it."""
    with being_measured(stopped):
        status, _, err = ran("--resume", "tuned")
    assert (status, played.parts) == (2, [])
    assert "is being measured by another process" in err


@pytest.mark.parametrize(
    ("typed", "torch", "words"),
    [
        ((), "2.15.0", "software.torch: 2.14.1 -> 2.15.0"),
        (("--batch-size", "32"), "2.14.1", "batch_sizes"),
        (("--step", "20ms"), "2.14.1", "step: none -> 20ms"),
    ],
)
def test_another_environment_has_status_3(
    ran: Ran, stopped: Path, played: Played, typed: tuple[str, ...], torch: str, words: str
) -> None:
    """What differs is named, and the tuning is as it was."""
    played.environment = {**ENVIRONMENT, "software": {**ENVIRONMENT["software"], "torch": torch}}
    before = _files(stopped)
    status, out, err = ran("--resume", "tuned", *typed)
    assert (status, out, played.parts) == (3, "", [])
    assert words in err
    assert _files(stopped) == before
