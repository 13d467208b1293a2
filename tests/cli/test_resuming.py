"""``bench --resume RUN``: which runs can be resumed, what may stand beside the option, and the statuses."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bench.resume import OtherEnvironment
from harness.bench.settings import Settings
from harness.cli.gate_resuming import resumed_gate
from harness.cli.main import main, parser
from harness.cli.resuming import resumed
from harness.cli.tune_resuming import resumed_tuning
from harness.errors import UsageError
from harness.model import EndReason, RunEnd, RunRequest
from harness.report.builders.gate_records import document
from harness.store import GATE_FILE, RESULT_FILE, RUN_FILE, TUNED_FILE, Run, Writer, load
from harness.store.codec import to_json
from harness.store.parts import being_measured
from harness.store.writing import write_end
from tests.support.gated import SMALL
from tests.support.saved import claim, measurements_of, save
from tests.support.tuned import TUNED

Captured = pytest.CaptureFixture[str]

ONE = claim("A1")
REQUEST = RunRequest(("A1",), "cpu", (), False, {"bench_a1.py": "0123456789abcdef"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with one benchmark."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a1.py").write_text("def bench_a1(compare):\n    compare()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.cli.bench.other_processes", lambda: "")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return tmp_path


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, Run]]:
    """What was resumed, in the place of measuring it."""
    found: list[tuple[Settings, Run]] = []

    def bench(settings: Settings, *_: object, began: Any, resumed: Run, **__: object) -> Path:
        found.append((settings, resumed))
        began(resumed.folder)
        return resumed.folder

    monkeypatch.setattr("harness.bench.run.bench", bench)
    return found


def stopped(here: Path, name: str = "2026-01-01_10-00-00", **more: Any) -> Path:
    """A run that was interrupted."""
    facts = {
        "request": REQUEST,
        "benchmarks": str(here / "benchmarks"),
        "python": sys.executable,
        "ended": EndReason.INTERRUPTED,
        "command": ("bench", "--select", "A1"),
    }
    return save(
        here / "results" / name, [ONE], measurements_of(ONE, "m", 2, quick=0.5e-3), **{**facts, **more}
    )


def ran(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """The exit status, the standard output and the standard error of ``bench``."""
    status = main(["bench", "--no-page", *arguments])
    out = capsys.readouterr()
    return status, out.out, out.err


def test_the_settings_are_those_of_the_run(
    here: Path, begun: list[tuple[Settings, Run]], capsys: Captured
) -> None:
    """What it measures comes from its record; the budget of the resumption from the command line."""
    there = stopped(here)
    status, out, _ = ran(capsys, "--resume", "latest", "--budget", "2m")
    ((settings, run),) = begun
    assert status == 0
    assert (settings.select, settings.device, settings.profile) == (("A1",), "cpu", "standard")
    assert (settings.seconds, settings.part_seconds) == (60.0, 120.0)
    assert run.folder.resolve() == there
    *_, aim, command = out.splitlines()
    assert aim == "To decide 1 more verdict:"
    assert command.strip() == "python -m harness bench --resume results/2026-01-01_10-00-00 --budget 1m"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["--select", "A2"], "--select: what results/2026-01-01_10-00-00 measures was settled when it began"),
        (["--device", "cuda"], "--device: what"),
        (["--profile", "smoke"], "--profile: what"),
        (["--trace"], "--trace: what"),
        (["--memory-snapshot"], "--memory-snapshot: what"),
        (["--share", "a/a,b"], "--share: what"),
        (["--folder", "new"], "--folder: what"),
        (["--benchmarks", "other"], "/benchmarks, and this would be "),
        (["--python", os.path.realpath(sys.executable) + "0"], "--python"),
        (["--data", "benchmarks"], "--data"),
    ],
)
def test_what_would_be_another_run_is_refused(
    here: Path, begun: list[tuple[Settings, Run]], capsys: Captured, typed: list[str], words: str
) -> None:
    """An option that contradicts the run, and a path that is not its own: one sentence and status 2."""
    stopped(here)
    (here / "other").mkdir()
    status, out, err = ran(capsys, "--resume", "latest", *typed)
    assert (status, out, begun) == (2, "", [])
    assert words in err
    assert len(err.splitlines()) == 1


def test_options_that_say_what_the_run_says_are_fine(
    here: Path, begun: list[tuple[Settings, Run]], capsys: Captured
) -> None:
    """The command may be typed as it was, with the option added."""
    stopped(here)
    assert ran(capsys, "--select", "A1", "--device", "cpu", "--resume", "latest")[0] == 0
    assert len(begun) == 1


def test_a_share_goes_on_as_it_was(here: Path, begun: list[tuple[Settings, Run]], capsys: Captured) -> None:
    """A node's share of the cases is part of the run; a record whose share is none is refused."""
    stopped(here, share="a/a,b")
    assert ran(capsys, "--resume", "latest")[0] == 0
    ((settings, _),) = begun
    assert str(settings.share) == "a/a,b"
    stopped(here, "odd", share="c/a,b")
    assert ran(capsys, "--resume", "odd")[0] == 2


def _gate(here: Path) -> str:
    writer = Writer(here / "results" / "gated" / GATE_FILE)
    writer.write("gate", schema=1, claims=[])
    writer.close()
    return "gated"


def _of_schema_2(here: Path) -> str:
    writer = Writer(here / "results" / "newer" / RUN_FILE)
    writer.write("run", schema=2, claims=[])
    writer.close()
    return "newer"


def _edited(here: Path) -> str:
    path = stopped(here, "edited") / RUN_FILE
    path.write_text(path.read_text().replace("standard", "STANDARD"))
    return "edited"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda here: "nope",
            "--resume: no run that can be resumed is called 'nope' in results; there are none",
        ),
        (_gate, "--resume: gated is a gate; type the gate as it was, with --resume gated"),
        (
            lambda here: stopped(here, "tuned", profile="tune").name,
            "is a tuning; type the tuning as it was",
        ),
        (_of_schema_2, "has schema 2, this harness reads 1: update it"),
        (_edited, "was changed after it was written"),
        (lambda here: stopped(here, "old", request=None).name, "does not say what its benchmark files were"),
        (
            lambda here: stopped(here, "done", ended=EndReason.ALL_DECIDED).name,
            "is complete (everything was decided); python -m harness report results/done shows it",
        ),
        (lambda here: stopped(here, "odd", profile="quick").name, "has no profile and budget of a run"),
    ],
)
def test_what_cannot_be_resumed_says_why(
    here: Path, begun: list[tuple[Settings, Run]], capsys: Captured, make: Any, words: str
) -> None:
    """One sentence and status 2."""
    status, out, err = ran(capsys, "--resume", make(here))
    assert (status, out, begun) == (2, "", [])
    assert words in err
    assert len(err.splitlines()) == 1


def _saved(here: Path) -> None:
    """Two of each kind, of which the one called after ``open`` can be resumed; and a gate of a saved run."""
    for name, ended in (("open", EndReason.INTERRUPTED), ("over", EndReason.ALL_DECIDED)):
        stopped(here, f"run-{name}", ended=ended)
        stopped(here, f"tuning-{name}", profile="tune", ended=ended)
        writer = Writer(here / "results" / f"gate-{name}" / GATE_FILE)
        writer.write("gate", schema=1, claims=[])
        writer.close()
    again = Writer(stopped(here, "run-twice") / "run-2.jsonl")
    again.write("resume", schema=1)
    write_end(again, RunEnd(EndReason.ALL_DECIDED))
    again.close()
    stopped(here, "run-against", profile="gate")
    (here / "results" / "gate-over" / RESULT_FILE).write_text(json.dumps(document(SMALL)))
    (here / "results" / "tuning-over" / TUNED_FILE).write_text(json.dumps(to_json(TUNED)))


def _opened(command: str, options: argparse.Namespace) -> AbstractContextManager[object]:
    if command == "bench":
        return resumed(options)
    opens = resumed_gate if command == "gate" else resumed_tuning
    return opens(options.resume, options.results)


@pytest.mark.parametrize(
    ("command", "named", "words"),
    [
        ("bench", "nope", "no run that can be resumed is called 'nope' in results; there is run-open ("),
        ("gate", "nope", "no gate that can be resumed is called 'nope' in results; there is gate-open ("),
        ("gate", "run-open", "run-open is a run, and no gate that can be resumed; there is gate-open ("),
        ("gate", "gate-open@head", "gate-open@head is one side of a gate, and no gate that can be resumed"),
        ("gate", "gate-over", "results/gate-over is complete"),
        ("gate", "run-against", "run-against is a gate against a saved run"),
        ("tune", "nope", "no tuning that can be resumed is called 'nope' in results; there is tuning-open ("),
        ("tune", "gate-open", "gate-open is a gate, and no tuning that can be resumed; there is tuning-open"),
        ("tune", "tuning-over", "results/tuning-over is complete"),
    ],
)
def test_what_is_listed_can_be_resumed(
    here: Path, capsys: Captured, command: str, named: str, words: str
) -> None:
    """Each command lists its own kind, and of that what is not complete."""
    _saved(here)
    typed = parser([command]).parse_args([command, "--resume", named])
    with pytest.raises(UsageError, match=re.escape(f"--resume: {words}")), _opened(command, typed):
        pass


def test_a_run_that_is_being_measured(
    here: Path, begun: list[tuple[Settings, Run]], capsys: Captured
) -> None:
    """The process that measures it has marked it; the mark is gone with that process."""
    there = stopped(here)
    with being_measured(there):
        status, _, err = ran(capsys, "--resume", "latest")
    assert (status, begun) == (2, [])
    assert "is being measured by another process" in err
    assert ran(capsys, "--resume", "latest")[0] == 0


def test_another_environment_has_status_3(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """It is no error of the request: this is not the place where the run can go on."""

    def bench(*_: object, **__: object) -> Path:
        raise OtherEnvironment("results/x was measured in another environment (software.torch: 1 -> 2)")

    monkeypatch.setattr("harness.bench.run.bench", bench)
    stopped(here)
    status, out, err = ran(capsys, "--resume", "latest")
    assert (status, out) == (3, "")
    assert "software.torch: 1 -> 2" in err


def test_a_request_comes_back(here: Path) -> None:
    """What a run records of its request is what a resumption reads."""
    assert load(stopped(here)).request == REQUEST
    assert replace(REQUEST, device="cuda") != REQUEST
