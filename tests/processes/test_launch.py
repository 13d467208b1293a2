"""Command lines of measuring processes: the same pytest for everybody, and a clear word where there is
none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import launch
from harness.processes.launch import (
    BACK_VARIABLE,
    FRONT_VARIABLE,
    LaunchError,
    borrow_packages,
    check_interpreter,
    measuring_environment,
)
from tests.support.living import ENVIRONMENT, ROOT


def collected(command: list[str], folder: Path) -> str:
    """What a measuring process that is started in this folder reports as collected."""
    done = subprocess.run(
        [*command, "--collect-only"],
        env=measuring_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def interpreter(folder: Path, script: str) -> str:
    """An executable that stands in for a Python."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def answering(folder: Path, *, version: tuple[int, int] = (3, 12), torch: bool = True) -> str:
    """An interpreter that answers the probe."""
    printed = json.dumps([list(version), torch, "/elsewhere/python"])
    return interpreter(folder, f"echo '{printed}'")


def test_an_interpreter_that_can_measure(tmp_path: Path) -> None:
    """The probe's answer gives the path that the interpreter knows itself by."""
    assert check_interpreter(answering(tmp_path)) == "/elsewhere/python"


def test_the_probe_imports_no_torch() -> None:
    """Asking this very interpreter, whether it has torch or not, imports nothing heavy to find out."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", launch._PROBE], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)[2] == sys.executable
    assert "| torch" not in done.stderr


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 1", "is not a Python that starts: it ended with status 1"),
        (
            "echo no such option >&2; exit 2",
            "is not a Python that starts: it ended with status 2: no such option",
        ),
        ("echo hello", "is not a Python that starts"),
        ("echo '[[3,12]]'", "is not a Python that starts"),
        ("echo '[[3, 10], true, \"x\"]'", "is Python 3.10; measuring needs 3.11"),
        ("echo '[[3, 12], false, \"x\"]'", "has no torch; install it there"),
    ],
)
def test_an_interpreter_that_cannot(tmp_path: Path, script: str, expected: str) -> None:
    """What is no Python, too old or without torch is named with the remedy, in one line."""
    named = interpreter(tmp_path, script)
    with pytest.raises(LaunchError) as caught:
        check_interpreter(named)
    assert str(caught.value).startswith(f"--python {named} ")
    assert expected in str(caught.value)


def test_what_an_interpreter_lacks_is_named(tmp_path: Path) -> None:
    """Modules that are needed beside torch: those that are not there, by what to install for them."""
    known = json.dumps([[3, 12], True, "/elsewhere/python"])
    named = interpreter(
        tmp_path, f"if [ $# -gt 2 ]; then exec {sys.executable} \"$@\"; else echo '{known}'; fi"
    )
    assert check_interpreter(named, ("json", "pathlib")) == "/elsewhere/python"
    with pytest.raises(LaunchError, match=r"has no no_such_module, nor_this; install it there"):
        check_interpreter(named, ("json", "no_such_module", "nor_this"))


def test_an_interpreter_that_is_not_there() -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(LaunchError, match="--python /no/such/python is not a Python that starts"):
        check_interpreter("/no/such/python")


def test_nothing_of_the_repository_reaches_into_a_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository's pytest settings, plug-ins and options are not those of a measuring process."""
    (tmp_path / "bench_x.py").write_text("def bench_x(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nor-this")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    command = launch.pytest_command(sys.executable, tmp_path, [str(tmp_path / "bench_x.py")])
    assert "bench_x.py::bench_x" in collected(command, tmp_path)
    assert not (tmp_path / ".pytest_cache").exists()


@pytest.mark.parametrize("name", ["[x] y", "a::b", "-x", "plain"])
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    """Brackets and colons above the benchmarks mean nothing to pytest, and files are opened from where one
    stands."""
    root = tmp_path / name / "benchmarks"
    (root / "-sub").mkdir(parents=True)
    (tmp_path / "here.txt").write_text("here")
    (root / "conftest.py").write_text("open('here.txt').close()\n")
    (root / "-sub" / "bench_x.py").write_text("open('here.txt').close()\ndef bench_x(): pass\n")
    command = launch.pytest_command(sys.executable, root, [str(root / "-sub" / "bench_x.py")])
    assert "-sub/bench_x.py::bench_x" in collected(command, tmp_path)


def test_the_case_that_runs_here_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable with the name of pytest's case may be longer than any that a process can be started
    with."""
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "x" * 200_000)
    assert "PYTEST_CURRENT_TEST" not in measuring_environment()


def test_the_environment_is_ours_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else in the environment is handed on, and the harness is found from any folder."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.delenv(FRONT_VARIABLE, raising=False)
    environment = measuring_environment()
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["PYTHONPATH"] == f"{ROOT}{os.pathsep}/somewhere"
    assert environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] == "1"
    assert "PYTEST_ADDOPTS" not in environment


def test_nothing_is_collected_while_benchmarks_are_imported() -> None:
    """Collections would look through all that torch makes, again and again; who chooses the cases turns them
    on."""
    script = launch._START + "\nprint(gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_process_ends_at_once_when_what_was_registered_is_done(tmp_path: Path) -> None:
    """What a benchmark registered for the end is done, and its output kept; nothing is freed after that,
    which takes most of a second where torch is loaded."""
    (tmp_path / "bench_end.py").write_text(
        "import atexit, os\n"
        "class Held:\n"
        "    def __del__(self, write=os.write):\n"
        "        write(1, b'freed')\n"
        "held = Held()\n"
        "atexit.register(print, 'registered', end=' ')\n"
        "def bench_end():\n"
        "    pass\n"
    )
    command = launch.pytest_command(sys.executable, tmp_path, [str(tmp_path / "bench_end.py")])
    assert collected(command, tmp_path).split()[-1] == "registered"


def test_packages_borrowed_by_a_foreign_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign interpreter sees our harness before its own packages, our pytest behind them, and nothing
    more."""
    links = borrow_packages(tmp_path / "borrowed")
    environment = measuring_environment(links)
    assert (environment[FRONT_VARIABLE], environment[BACK_VARIABLE]) == (
        str(links / "front"),
        str(links / "back"),
    )
    assert [path.name for path in (links / "front").iterdir()] == ["harness"]
    assert (links / "front" / "harness").resolve() == ROOT / "harness"
    borrowed = {path.name for path in (links / "back").iterdir()}
    assert {"pytest", "_pytest", "pluggy", "psutil"} <= borrowed
    assert not borrowed & {"torch", "numpy", "pandas", "scipy"}
    boot = launch._START
    script = f"{boot}\nimport harness\nprint(pytest.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={**environment, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert Path(done.stdout.strip()).is_relative_to(links / "back")


def test_a_worker_borrows_what_its_session_borrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that a borrowing session starts itself inherit its folders instead of a path to a
    checkout."""
    monkeypatch.setenv(FRONT_VARIABLE, "/borrowed/front")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    environment = measuring_environment()
    assert environment[FRONT_VARIABLE] == "/borrowed/front"
    assert "PYTHONPATH" not in environment


def test_no_process_starts_without_a_benchmark(tmp_path: Path) -> None:
    """pytest would take the working folder, and import the user's tests."""
    with pytest.raises(ValueError, match="no benchmark of"):
        launch.pytest_command(sys.executable, tmp_path, [])


def test_the_working_folder_has_a_package_that_we_import(tmp_path: Path) -> None:
    """``python -m harness`` leaves the working folder, which Python puts in front, out of its path."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise RuntimeError('the wrong one')\n")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "runs"],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the wrong one" not in done.stderr
    assert done.returncode == 0, done.stderr
