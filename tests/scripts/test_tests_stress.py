"""The script that runs the suite again and again: which trials, in which order, and what it says of
failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.living import ENVIRONMENT, PATIENCE, ROOT, python

sys.path.insert(0, str(ROOT / "scripts"))

import shuffled as plugin
import tests_stress
from shuffled import shuffled
from tests_stress import Condition, Result, Trial, left_running, main, plan, run, stress, summary, under

NAMES = [
    (f"tests/test_{file}.py", f"tests/test_{file}.py::test_{number}")
    for file in "abcd"
    for number in range(9)
]

SUITE = """
import os, subprocess, sys, tempfile
import pytest

@pytest.mark.parametrize("number", range(3))
def test_well(number):
    pass

def test_badly():
    assert 1 == 2, "not today"

def test_leaves():
    tempfile.mkdtemp(prefix="forgotten-")
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)

@pytest.mark.skip
def test_skipped():
    pass
"""


def order(names: list[tuple[str, str]], seed: int) -> list[str]:
    """The tests in the order of a seed."""
    return [names[place][1] for place in shuffled(names, seed)]


def test_the_order_is_the_seeds() -> None:
    """Every test once, a file's tests together, the same for a seed whatever the order was, another for
    another."""
    found = order(NAMES, 7)
    assert sorted(found) == sorted(name for _, name in NAMES)
    files = [name.partition("::")[0] for name in found]
    assert len(set(files)) == sum(file != last for file, last in zip(files, ["", *files], strict=False))
    assert found == order(NAMES[::-1], 7)
    assert found != order(NAMES, 8)
    assert files != [file for file, _ in NAMES]


def test_a_file_alone_has_the_order_that_it_has_among_others() -> None:
    """So that what fails in a round can be had again in a few seconds."""
    alone = order([each for each in NAMES if each[0] == "tests/test_c.py"], 7)
    assert alone == [name for name in order(NAMES, 7) if name.startswith("tests/test_c.py")]


def test_rounds_have_seeds_that_follow_each_other() -> None:
    """A round is all conditions, all files together and each alone; the second of a seed is the first of the
    next."""
    trials = list(
        plan(["a", "b"], rounds=2, seed=5, conditions=["one-core", "neighbours"], scopes=tests_stress.SCOPES)
    )
    assert len(trials) == 12
    assert trials[:4] == [
        Trial(1, 5, "one-core", "together", ("a", "b")),
        Trial(1, 5, "one-core", "alone", ("a",)),
        Trial(1, 5, "one-core", "alone", ("b",)),
        Trial(1, 5, "neighbours", "together", ("a", "b")),
    ]
    assert {trial.seed for trial in trials[6:]} == {6}
    (only,) = plan(["a"], rounds=1, seed=1, conditions=["two-cores"], scopes=["alone"])
    assert only.files == ("a",)


def result(failed: dict[str, str], scope: str = "together", seed: int = 3) -> Result:
    """What became of a trial."""
    return Result(
        Trial(1, seed, "one-core", scope, ("tests/test_a.py",)), int(bool(failed)), 1.5, 4, 1, failed
    )


def test_a_summary_says_how_often_each_test_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is there after every trial; a failure is printed with what runs it again."""
    seen: list[int] = []
    outcomes = [result({}), result({"tests/test_a.py::test_x": "call: boom"}), result({}, "alone", 4)]

    def perform(trial: Trial) -> Result:
        seen.append(json.loads((tmp_path / "out.json").read_text())["trials"] if seen else 0)
        return outcomes[len(seen) - 1]

    stress([each.trial for each in outcomes], tmp_path / "out.json", perform)
    assert seen == [0, 1, 2]
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["trials"], found["suites"], found["suites_without_failure"]) == (3, 2, 1)
    (failure,) = found["failures"]["tests/test_a.py::test_x"]
    assert failure == {"seed": 3, "condition": "one-core", "scope": "together", "reason": "call: boom"}
    said = capsys.readouterr().out
    assert "--conditions one-core --scopes together --rounds 1 --seed 3" in said
    assert "tests/test_a.py::test_x: call: boom" in said
    assert summary([])["suites"] == 0


def test_a_real_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes and fails is counted; a process and a folder that a test leaves are failures, and the
    former ends."""
    (tmp_path / "test_small.py").write_text(SUITE)
    (tmp_path / "test_broken.py").write_text("import surely_not_installed")
    monkeypatch.setattr(tests_stress, "ROOT", tmp_path)
    monkeypatch.setattr(tests_stress, "GRACE", 0.0)
    trial = Trial(1, 3, "two-cores", "alone", ("test_small.py", "test_broken.py"))
    found = run(trial, tmp_path / "log", tmp_path / "t")
    assert (found.status != 0, found.passed, found.skipped) == (
        True,
        0,
        0,
    )  # nothing is run where a file is broken
    assert (
        list(found.failed) == ["test_broken.py"] and "surely_not_installed" in found.failed["test_broken.py"]
    )
    (tmp_path / "t").rmdir()
    found = run(Trial(1, 3, "two-cores", "alone", ("test_small.py",)), tmp_path / "log", tmp_path / "t")
    assert (found.status, found.passed, found.skipped) == (1, 4, 1)
    bad, process, folder = found.failed.items()
    assert bad[0] == "test_small.py::test_badly" and "not today" in bad[1]
    assert process[0].startswith("process ") and "signal.pause" in process[1]
    assert "forgotten-" in folder[0]
    assert "1 failed" in (tmp_path / "log").read_text()


def test_a_pytest_that_dies_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no outcomes are written, what is known is the status."""
    monkeypatch.setattr(tests_stress, "command", lambda *_: python("import sys; sys.exit(9)"))
    found = run(Trial(1, 3, "two-cores", "alone", ("test_a.py",)), tmp_path / "log", tmp_path / "t")
    assert found.failed == {"test_a.py": "pytest ended with status 9 and named no test"}


def test_conditions_end_with_their_trial() -> None:
    """One core is one core for what is started inside, neighbours are busy meanwhile, and both are over
    afterwards."""
    before = os.sched_getaffinity(0)
    with under(Condition(1, neighbours=1)):
        ask = python("import os; print(len(os.sched_getaffinity(0)))")
        assert (
            subprocess.run(ask, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout == "1\n"
        )
    assert os.sched_getaffinity(0) == before


def test_what_is_left_behind_is_described(tmp_path: Path) -> None:
    """Each with what is in it; what every pytest and every worker leaves is expected."""
    for folder in ("pymp-1", "tmpempty", "tmpfull"):
        (tmp_path / folder).mkdir()
    for name in "fedcba":
        (tmp_path / "tmpfull" / name).touch()
    (tmp_path / "written").write_bytes(b"12345")
    assert tests_stress.left_behind(tmp_path) == {
        "tmpempty": "an empty folder",
        "tmpfull": "a folder with a, b, c, d, e",
        "written": "a file of 5 bytes",
    }


def test_only_processes_of_one_pytest_count() -> None:
    """Others with the variable of another one are let be."""
    mark = {tests_stress.MARK: "another"}
    with subprocess.Popen(python("input()"), stdin=subprocess.PIPE, env={**ENVIRONMENT, **mark}) as process:
        assert left_running("mine") == {}
        process.communicate(b"\n")
    assert process.returncode == 0


@pytest.mark.parametrize("failed", [{}, {"tests/test_a.py::test_x": "call: boom"}])
def test_the_exit_status(failed: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """0 where nothing failed, 1 where anything did; the output is kept of what failed."""

    def performed(trial: Trial, log: Path, temporary: Path) -> Result:
        log.write_text("output")
        return Result(trial, 0, 1.0, 1, 0, failed)

    monkeypatch.setattr(tests_stress, "run", performed)
    monkeypatch.setattr(tests_stress, "under", lambda _: nullcontext())
    asked = [
        "--seed",
        "1",
        "--scopes",
        "alone",
        "--conditions",
        "one-core",
        "--logs",
        str(tmp_path / "logs"),
        "x.py",
    ]
    assert main(asked) == int(bool(failed))
    assert [path.name for path in (tmp_path / "logs").iterdir()] == (["1-one-core-x.log"] if failed else [])


@pytest.mark.parametrize(
    "wrong", [["--conditions", "three-cores"], ["--scopes", "apart"], ["--rounds", "many"], ["--rounds", "0"]]
)
def test_what_cannot_be_is_a_usage_error(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, with what is allowed."""
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert wrong[0] in said and wrong[1] in said


def test_workers_write_no_outcomes(tmp_path: Path) -> None:
    """Only the pytest that the user started hears of every test."""
    registered: list[object] = []

    def config(**more: Any) -> Any:
        manager = SimpleNamespace(register=registered.append)
        getoption: Callable[[str], Any] = lambda name: tmp_path / "out.json"  # noqa: E731
        return SimpleNamespace(getoption=getoption, pluginmanager=manager, **more)

    plugin.pytest_configure(config(workerinput={}))
    assert registered == []
    plugin.pytest_configure(config())
    assert len(registered) == 1
