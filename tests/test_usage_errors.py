"""What is wrong with a request is said first and alone, before anything expensive, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.run import gate_command
from harness.run.bench import UnusableGpu
from harness.run.roll_call import CrewError, Refused
from harness.store import open_run

Captured = pytest.CaptureFixture[str]

BENCHMARK = "def bench_a(contest):\n    contest.baseline(lambda: None)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with one benchmark, on a machine that others use."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a.py").write_text(BENCHMARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.run.command._others", lambda: "others use 2.0 of 2 cores")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return tmp_path


def said(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """The exit status, the standard output and the standard error of a command."""
    try:
        status = main(list(arguments))
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


# --- before anything else ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--select", "nope"], "--select nope: no such claim"),
        (["--trace", "nope"], "--trace nope: no such claim"),
        (["--python", "/nope"], "--python /nope"),
        (["--data", "nope"], "--data: no image folder nope"),
        (["--results", "benchmarks/bench_a.py"], "cannot make benchmarks/bench_a.py"),
    ],
)
def test_a_wrong_request_of_bench_is_said_alone(here: Path, capsys: Captured, arguments: list[str], what: str) -> None:
    """Nothing about the machine comes before it."""
    status, out, err = said(capsys, "bench", "--device", "cpu", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"harness: {what}")
    assert not (here / "results").exists()


# --- a device that is not there ---------------------------------------------------------------------------------------

ABSENT = "--device cuda was asked for, and torch sees no CUDA device here"


def crew(error: Exception) -> type:
    """A crew whose roll call ends with this error."""

    class Crew:
        import_seconds = 0.0

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def __enter__(self) -> Crew:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def roll_call(self, _: object) -> None:
            raise error

    return Crew


def test_bench_without_the_device_says_so_once(here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason stands once, and no run folder is left."""
    monkeypatch.setattr("harness.run.bench.Crew", crew(Refused(ABSENT)))
    status, out, err = said(capsys, "bench", "--device", "cuda", "--watch", "0")
    assert status == 2
    assert err == f"harness: {ABSENT}\n"
    assert ABSENT not in out
    assert list((here / "results").iterdir()) == []


@pytest.mark.parametrize(("error", "status"), [(CrewError("no process can measure"), 2), (UnusableGpu("update it"), 3)])
def test_bench_that_could_not_begin_says_why_once(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """The run's folder, which has the log, is named without the reason again."""
    monkeypatch.setattr("harness.run.bench.Crew", crew(error))
    found, out, err = said(capsys, "bench", "--watch", "0")
    (folder,) = (here / "results").iterdir()
    assert found == status
    assert err == f"harness: {error}\n"
    assert str(error) not in out
    assert f"saved in results/{folder.name}" in out


def test_a_gate_without_the_device_leaves_no_folder(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for both sides of a gate."""

    def refused(_asked: object, folder: Path, *_: object) -> None:
        open_run(folder, [], profile="gate").close()
        raise Refused(ABSENT)

    monkeypatch.setattr(gate_command, "gate", refused)
    status, out, err = said(capsys, "selftest", "--device", "cuda")
    assert (status, err) == (2, f"harness: {ABSENT}\n")
    assert ABSENT not in out
    assert list((here / "results").iterdir()) == []
