"""Whole runs with real processes: what goes wrong costs only itself, and everything measured is kept and
shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.cli.main import main
from harness.judge.run import judge
from harness.model import Outcome, Status, Verdict
from harness.store import Run, load, run_folders
from tests.support.living import PATIENCE, ROOT

HEAD = """import os, signal
import pytest, torch
from harness import Unavailable, claim, prepared, variant
"""

GOOD = '''"""Twice the work takes longer."""
@claim("good", expect="higher")
@pytest.mark.parametrize("side", [48, 96])
def bench_good(compare, side):
    a = torch.rand(side, side)
    compare(baseline=lambda: a @ a, twice=lambda: (a @ a, a @ a)[0], absent=Unavailable("not on this planet"),
            wrong=lambda: a, raises=lambda: 1 / 0, same=torch.equal)
'''
SIMPLE = '''"""Twice the work takes longer."""
@claim("good", expect="higher")
def bench_good(compare):
    a = torch.rand(48, 48)
    compare(baseline=lambda: a @ a, twice=lambda: (a @ a, a @ a)[0], same=torch.equal)
'''
NEEDS = '''"""GPUs are needed."""
@claim("gpu", needs="cuda")
def bench_gpu(compare):
    compare(baseline=lambda: 0, other=lambda: 0, same=lambda a, b: True)
'''
PACKAGE = '''"""A package is needed."""
@claim("package", needs="surely_not_installed")
def bench_package(compare):
    compare(baseline=lambda: 0, other=lambda: 0, same=lambda a, b: True)
'''
HANGS = '''"""This one never ends."""
import threading
@claim("hangs", time_limit=2.0)
def bench_hangs(compare):
    never = threading.Event()
    compare(baseline=lambda: never.wait() or 0, other=lambda: 0, same=lambda a, b: True)
'''
DIES = '''"""This one is killed."""
@claim("dies")
def bench_dies(compare):
    compare(baseline=lambda: os.kill(os.getpid(), signal.SIGKILL), other=lambda: 0, same=lambda a, b: True)
'''
RAISES = '''"""This one raises before its measurement."""
@claim("raises")
def bench_raises(compare):
    if compare is not None:
        raise RuntimeError("no input today")
'''
APART = '''"""Live processes take turns."""
IMPORT = os.urandom(4).hex()
def noted(work):
    def set_up():
        with open("set-up", "a") as file:
            file.write(f"{IMPORT} {os.getpid()}\\n")
        return work
    return prepared(set_up)
@claim("apart", apart=True)
@pytest.mark.parametrize("of", [pytest.param(64, id="a name longer than any command line" * 5000)])
def bench_apart(compare, of):
    a = torch.rand(of, of)
    compare(baseline=noted(lambda: a @ a), again=noted(lambda: a @ a),
            crashes=prepared(lambda: os.kill(os.getpid(), signal.SIGKILL)), same=torch.equal)
'''
SMOKE = ("bench", "--profile", "smoke", "--device", "cpu", "--budget", "1h")
"""Everything once: how long that takes on a busy machine is nobody's question here."""

SIGNALS = '''"""This loader does something to the process that started it."""
@claim("signals", loader=True)
def bench_signals(compare):
    def strike():
        open({note!r}, "w").write(str(os.getpid()))
        os.kill(os.getppid(), signal.{name})
        signal.pause()
    compare(baseline=strike, other=lambda: 0, same=lambda a, b: True)
'''


def write(folder: Path, **files: str) -> Path:
    """A folder of benchmarks."""
    benchmarks = folder / "benchmarks"
    benchmarks.mkdir()
    for name, text in files.items():
        docstring, _, code = text.partition("\n")
        (benchmarks / f"bench_{name}.py").write_text(f"{docstring}\n{HEAD}{code}")
    return benchmarks


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m harness`` with its working folder there."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
        env={**os.environ, "COLUMNS": "160", "PYTHONPATH": str(ROOT)},
    )


def only_run(folder: Path) -> Run:
    """The one run that was saved there."""
    (saved,) = run_folders(folder / "results")
    return load(saved)


def outcomes(run: Run, claim: str) -> dict[str, Verdict]:
    """The verdicts of a claim by variant; several cases must agree."""
    return {verdict.variant: verdict for verdict in judge(run) if verdict.claim == claim}


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Run]:
    """A smoke run over benchmarks of which most go wrong in a way of their own.

    It measures an interpreter that was named, which sees torch but neither our pytest nor our entry point;
    the runs of the other tests measure our own.
    """
    folder = tmp_path_factory.mktemp("trouble")
    benchmarks = write(
        folder, good=GOOD, gpu=NEEDS, package=PACKAGE, hangs=HANGS, dies=DIES, raises=RAISES, apart=APART
    )
    (benchmarks / "bench_broken.py").write_text(
        '"""This file cannot be imported."""\nimport surely_not_installed\n\ndef bench_broken(compare):\n    pass\n'
    )
    done = harness(folder, *SMOKE, "--python", sys.executable)
    return done, only_run(folder)


def test_trouble_has_its_exit_status(trouble: tuple[subprocess.CompletedProcess[str], Run]) -> None:
    """Something wrong, failed or timed out is exit 3, and the run's record has its end."""
    done, run = trouble
    assert done.returncode == 3, done.stdout + done.stderr
    assert run.ended.text


def test_good_cases_are_measured_beside_trouble(
    trouble: tuple[subprocess.CompletedProcess[str], Run],
) -> None:
    """Two cases of the claim that works have a sample for the variants that work, and for no others."""
    _, run = trouble
    measured = [
        m for m in run.measurements if m.claim == "good" and m.status is Status.MEASURED and not m.survey
    ]
    assert len(measured) == 2
    assert len({m.digests["side"] for m in measured}) == 2
    for measurement in measured:
        statuses = {trial.variant: trial.status for trial in measurement.trials}
        assert statuses == {
            "baseline": Status.MEASURED,
            "twice": Status.MEASURED,
            "absent": Status.SKIPPED,
            "wrong": Status.WRONG,
            "raises": Status.FAILED,
        }
        assert all(bool(trial.samples) is (trial.status is Status.MEASURED) for trial in measurement.trials)
        twice, once = measurement.trial("twice"), measurement.trial("baseline")
        assert twice and once and len(twice.samples["seconds"]) == len(once.samples["seconds"]) == 1


@pytest.mark.parametrize(
    ("claim", "outcome", "words"),
    [
        ("gpu", Outcome.SKIPPED, "CUDA"),
        ("package", Outcome.SKIPPED, "surely_not_installed"),
        ("hangs", Outcome.TIMED_OUT, "time limit of 2 s"),
        ("dies", Outcome.FAILED, "SIGKILL"),
        ("raises", Outcome.FAILED, "no input today"),
        ("broken", Outcome.FAILED, "surely_not_installed"),
    ],
)
def test_trouble_has_a_verdict_with_its_reason(
    trouble: tuple[subprocess.CompletedProcess[str], Run], claim: str, outcome: Outcome, words: str
) -> None:
    """Whatever happened to a benchmark is its verdict, on the disk and in the table."""
    done, run = trouble
    (verdict,) = outcomes(run, claim).values()
    assert verdict.outcome is outcome
    assert words in verdict.reason
    assert claim in done.stdout
    assert str(outcome) in done.stdout


def test_variants_apart_have_processes_of_their_own(
    trouble: tuple[subprocess.CompletedProcess[str], Run],
) -> None:
    """Live processes took turns, and the one that crashed ended no other."""
    _, run = trouble
    (measurement,) = [m for m in run.measurements if m.claim == "apart" and not m.survey]
    again, crashes = measurement.trial("again"), measurement.trial("crashes")
    assert again and len(again.samples["seconds"]) == 2
    assert crashes and crashes.status is Status.FAILED and "SIGKILL" in crashes.reason


def test_variants_apart_are_imported_once(trouble: tuple[subprocess.CompletedProcess[str], Run]) -> None:
    """Two processes, forked from one that had imported the file; those that weigh are started."""
    _, run = trouble
    lines = (run.folder.parents[1] / "set-up").read_text().splitlines()
    processes: dict[str, set[str]] = {}
    for line in lines:
        imported, pid = line.split()
        processes.setdefault(imported, set()).add(pid)
    assert max(len(pids) for pids in processes.values()) == 2, lines


def test_kill_9_in_the_middle_of_a_run_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    """The driver is killed while the second invocation works: nothing stays alive, the first is reported."""
    note = tmp_path / "pid"
    write(tmp_path, good=SIMPLE, signals=SIGNALS.format(note=str(note), name="SIGKILL"))
    done = harness(tmp_path, *SMOKE)
    assert done.returncode == -signal.SIGKILL
    measuring = int(note.read_text())
    if psutil.pid_exists(measuring):
        psutil.wait_procs([psutil.Process(measuring)], timeout=PATIENCE)
    assert not psutil.pid_exists(measuring)
    run = only_run(tmp_path)
    assert not run.ended.text
    shown = harness(tmp_path, "report")
    assert "twice" in shown.stdout
    assert outcomes(run, "signals")[""].outcome is Outcome.LOST
    assert shown.returncode == 3, shown.stdout + shown.stderr


def test_ctrl_c_leaves_a_complete_report(tmp_path: Path) -> None:
    """An interrupt shows what was measured and exits with 130."""
    write(tmp_path, good=SIMPLE, signals=SIGNALS.format(note=str(tmp_path / "pid"), name="SIGINT"))
    done = harness(tmp_path, *SMOKE)
    assert done.returncode == 130, done.stdout + done.stderr
    assert "twice" in done.stdout
    run = only_run(tmp_path)
    assert run.ended.text == "interrupted"
    assert {m.status for m in run.measurements if m.claim == "good"} == {Status.MEASURED}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench", "--select", "L99"], ["L99", "good"]),
        (["bench", "--budget", "soon"], ["soon", "5m"]),
        (["bench", "--budget", "3s"], ["too short", "20s"]),
        (
            ["gate", "--base-env", "A=1", "--watch", "often"],
            ["--watch: 'often' is not a rate", "0 to watch nothing"],
        ),
        (["selftest", "--watch", "often"], ["--watch: 'often' is not a rate", "0 to watch nothing"]),
        (["tune", "--watch", "often"], ["--watch: 'often' is not a rate", "0 to watch nothing"]),
        (["bench", "--data", "nowhere"], ["nowhere"]),
        (["bench", "--data", "benchmarks"], ["benchmarks"]),
        (["bench", "--python", "no-such-python"], ["no-such-python"]),
        (["bench", "--python", "/bin/false"], ["/bin/false"]),
        (["bench", "--results", "benchmarks/bench_good.py"], ["bench_good.py", "--results"]),
        (["bench", "--benchmarks", "nowhere"], ["nowhere", "--benchmarks"]),
        (["report", "nowhere"], ["nowhere"]),
        (["report"], ["bench"]),
    ],
)
def test_bad_input_gets_one_clear_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    """Usage errors name what, where and what to do on one line of stderr, with status 2."""
    write(tmp_path, good=GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the command's handler is not for the tests
    assert main(arguments) == 2
    written = capsys.readouterr().err
    assert "Traceback" not in written
    for word in words:
        assert word in written


@pytest.mark.parametrize("arguments", [["--select", "L99"], ["--device", "cuda"]])
def test_bad_input_ends_the_process_with_2(tmp_path: Path, arguments: list[str]) -> None:
    """Both what the command sees by itself and what only a process with torch can know."""
    import torch

    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    write(tmp_path, good=GOOD)
    done = harness(tmp_path, "bench", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert arguments[-1] in done.stderr


def test_list_cases_names_variants_and_reasons(tmp_path: Path) -> None:
    """--list --cases imports the benchmarks and lists what each would measure."""
    write(tmp_path, good=GOOD, gpu=NEEDS)
    done = harness(tmp_path, "bench", "--list", "--cases", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bench_good[48]: baseline, twice, absent (skipped: not on this planet)" in done.stdout
    assert "needs a CUDA GPU" in done.stdout
