"""An error in a request is reported first and alone, before anything expensive, and leaves nothing behind."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.bench.run import UnusableGpu
from harness.cli import gating
from harness.cli.forms import FORMS, check_writable
from harness.cli.main import COMMANDS, main, parser
from harness.cli.parser import written_file, written_folder
from harness.errors import UsageError
from harness.loading.loop.step_forms import step_form
from harness.store import StoreError, open_run
from harness.tune.step_module import check_module
from harness.workers.collect import Refused, WorkerError

Captured = pytest.CaptureFixture[str]

BENCHMARK = "def bench_a(compare):\n    compare.baseline(lambda: None)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with one benchmark, on a machine that others use."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a.py").write_text(BENCHMARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.cli.bench.other_processes", lambda: "others use 2.0 of 2 cores")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return tmp_path


def ran(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """The exit status, the standard output and the standard error of a command."""
    try:
        status = main(list(arguments))
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


# --- before anything else -----------------------------------------------------------------------------------


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
def test_a_wrong_request_of_bench_is_said_alone(
    here: Path, capsys: Captured, arguments: list[str], what: str
) -> None:
    """Nothing about the machine comes before it."""
    status, out, err = ran(capsys, "bench", "--device", "cpu", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"harness: {what}")
    assert not (here / "results").exists()


@pytest.mark.parametrize("command", ["bench", "gate", "selftest", "list"])
@pytest.mark.parametrize(
    ("typed", "what"),
    [
        (["C4"], "C4 is not a folder; to select benchmarks by their names: --select C4"),
        (["benchmarks/bench_a.py"], "name its folder, and the file with --select bench_a.py"),
        (["benchmarks", "--benchmarks", "."], "benchmarks: --benchmarks . names a folder already"),
        (["empty"], "has no bench_*.py, no test that takes pytest-benchmark's fixture"),
    ],
)
def test_a_folder_that_is_none(
    here: Path, capsys: Captured, command: str, typed: list[str], what: str
) -> None:
    """What was meant may be a claim's name or a file."""
    (here / "empty").mkdir()
    status, out, err = ran(capsys, command, *typed)
    assert (status, out) == (2, "")
    assert what in err


def test_a_folder_of_tests_is_named_alone(here: Path, capsys: Captured) -> None:
    """Tests that use pytest-benchmark are listed as claims are."""
    (here / "tests").mkdir()
    (here / "tests/test_a.py").write_text("def test_adding(benchmark): 'Adding is fast.'")
    status, out, _ = ran(capsys, "list", "tests")
    assert (status, out) == (0, "adding  Adding is fast.\n")


@pytest.mark.parametrize("command", ["bench", "gate", "selftest", "tune", "ceilings"])
def test_every_command_says_of_data_that_is_not_there(here: Path, capsys: Captured, command: str) -> None:
    """The message is the same for all, and comes before anything is measured."""
    status, out, err = ran(capsys, command, "--device", "cpu", "--data", "nope")
    assert (status, out) == (2, "")
    assert err.startswith("harness: --data: no image folder nope")
    assert not (here / "results").exists()


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["bench", "--budget", "-5m"], "--budget: '-5m' is not a duration (examples: 90s, 5m, 1h30m)"),
        (["bench", "--budg", "-5m"], "--budget: '-5m' is not a duration (examples: 90s, 5m, 1h30m)"),
        (["tune", "--budget", "soon"], "--budget: 'soon' is not a duration (examples: 90s, 5m, 1h30m)"),
        (["gate", "--watch", "-2x"], "--watch: '-2x' is not a rate; looks a second are 0.1 to 1000, or 0 "),
        (["gate", "--target", "-3%"], "--target: '-3%' is not a share below 1 (examples: 3%, 0.03)"),
        (
            ["gate", "--loader-target", "5"],
            "--loader-target: '5' is not a share below 1 (examples: 3%, 0.03)",
        ),
        (["gate", "--base-env", "-K=V"], "--base-env: '-K=V' is not a variable (example: OMP_NUM_THREADS=1)"),
        (["gate", "--head-env", "-x"], "--head-env: '-x' is not a variable (example: OMP_NUM_THREADS=1)"),
        (["tune", "--margin", "-3%"], "--margin: '-3%' is not a share below 1 (examples: 3%, 0.03)"),
        (
            ["tune", "--workers", "-1,2"],
            "--workers: '-1,2' is not a list of whole numbers from 0 (examples: 64; 32,64)",
        ),
        (["tune", "--kinds", "-x"], "--kinds: '-x' is not a kind of loader (kinds: dataloader, "),
        (["tune", "--step", "-20ms"], "--step: '-20ms' is not a step (examples: none, 20ms, "),
        (["list", "--select", "-x"], "--select -x: no such claim"),
        (["ceilings", "--data", "-x"], "--data: no image folder -x"),
        (["selftest", "--python", "-x"], "--python -x is not a Python that starts"),
    ],
)
def test_a_value_that_begins_with_a_dash_is_a_value(
    here: Path, capsys: Captured, arguments: list[str], what: str
) -> None:
    """The message names the value and the allowed ones, for every option that takes a value."""
    status, _, err = ran(capsys, *arguments)
    assert status == 2
    assert err.startswith(f"harness: {what}")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (
            ["bench", "--budget"],
            "--budget: a value is missing (90s, 5m, 1h; default 10m (smoke 3m, thorough 1h))",
        ),
        (["gate", "--json", "--every"], "--json: a value is missing before --every (also write JSON"),
        (["gate", "--json", "--evry"], "--json: a value is missing before --evry (also write JSON"),
        (
            ["gate", "--target", "-h"],
            "--target: a value is missing before -h (the slow-down to detect: 5%",
        ),
        (["bench", "--device"], "--device: a value is missing (auto, cpu, cuda)"),
        (
            ["gate", "--threads", "-1"],
            "argument --threads: '-1' is not a whole number from 1 (examples: 1, 8)",
        ),
        (["selftest", "--threads", "many"], "argument --threads: 'many' is not a whole number from 1"),
        (["trend", "--last", "0"], "argument --last: '0' is not a whole number from 1"),
    ],
)
def test_what_the_parser_refuses(here: Path, capsys: Captured, arguments: list[str], what: str) -> None:
    """A value that is missing, or is not a number: the message has examples."""
    status, _, err = ran(capsys, *arguments)
    assert status == 2
    assert f" {arguments[0]}: error: {what}" in err


def test_words_behind_two_dashes_are_left_alone() -> None:
    """They are no options, whatever they look like; and a dash alone is the standard output."""
    options = parser().parse_args(["report", "--json", "-", "--", "--json"])
    assert (options.json, options.run) == (Path("-"), "--json")


# --- files that cannot be written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("gate", "--json"),
        ("gate", "--junit"),
        ("gate", "--markdown"),
        ("selftest", "--json"),
        ("tune", "--json"),
        ("ceilings", "--json"),
        ("report", "--html"),
        ("compare", "--csv"),
        ("trend", "--json"),
    ],
)
@pytest.mark.parametrize(
    ("file", "why"), [("nowhere/x", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_written_is_said_first(
    here: Path, capsys: Captured, command: str, option: str, file: str, why: str
) -> None:
    """Before anything is read or measured, with the option that named it."""
    status, out, err = ran(
        capsys, command, *(["latest", "latest~1"] if command == "compare" else []), option, file
    )
    assert (status, out) == (2, "")
    assert err == f"harness: {option}: cannot write {file}: {why}; name another file\n"
    assert not (here / "results").exists()


def test_the_summary_of_a_workflow_is_tried_too(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate writes to it at its end."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here / "nowhere" / "summary"))
    status, _, err = ran(capsys, "selftest")
    assert status == 2
    assert err.startswith("harness: GITHUB_STEP_SUMMARY: cannot write ")


def test_trying_a_file_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """What is there keeps its text and its time, what is not there is not made, a link keeps what it points
    to."""
    kept, absent, link = tmp_path / "kept", tmp_path / "absent", tmp_path / "link"
    kept.write_text("text")
    link.symlink_to(tmp_path / "target")
    before = kept.stat()
    check_writable({"--json": kept, "--junit": absent, "--markdown": link})
    assert kept.read_text() == "text"
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]


def test_a_file_in_the_folder_of_results_may_come_with_it(tmp_path: Path) -> None:
    """The folder is made when the run begins."""
    check_writable({"--json": tmp_path / "results" / "x.json"}, tmp_path / "results")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="--json: cannot write"):
        check_writable({"--json": tmp_path / "other" / "x.json"}, tmp_path / "results")


@pytest.mark.parametrize("command", ["gate", "selftest", "tune"])
def test_results_that_cannot_be_made_are_said_first(here: Path, capsys: Captured, command: str) -> None:
    """A folder in a file's place ends the command before anything is built."""
    status, out, err = ran(capsys, command, "--results", "benchmarks/bench_a.py/results")
    assert (status, out) == (2, "")
    assert err.startswith(
        "harness: --results: cannot write to benchmarks/bench_a.py/results: Not a directory"
    )


# --- the module of a step -----------------------------------------------------------------------------------


def test_a_module_that_is_not_there(here: Path) -> None:
    """It is known without importing: by its first part, or beneath packages without code of their own."""
    (here / "names" / "inner").mkdir(parents=True)
    for module, missing in (
        ("nomod", "nomod"),
        ("nomod.part", "nomod"),
        ("names.inner.nomod.x", "names.inner.nomod"),
    ):
        with pytest.raises(
            UsageError, match=f"--step: there is no module '{missing}', neither in {here} nor "
        ):
            check_module("--step", module, sys.executable)


def test_a_module_that_only_importing_could_tell_of(here: Path) -> None:
    """What is there is not imported, and a package with code of its own may have any part."""
    (here / "names").mkdir()
    (here / "package").mkdir()
    for file in ("own.py", "names/own.py", "package/__init__.py"):
        (here / file).write_text("raise SystemExit('imported')\n")
    for module in ("own", "names.own", "package.part", "torch.nn", "sys"):
        check_module("--step", module, sys.executable)


@pytest.mark.parametrize("text", [":step", "training:", "a..b:step", ".a:step", "a:step.", "nonsense"])
def test_what_names_no_step(text: str) -> None:
    """A module and a function both have names."""
    with pytest.raises(ValueError, match=r"^--step: '.*' is not a step \(examples: none, 20ms, "):
        step_form(text)


# --- a device that is not there -----------------------------------------------------------------------------

ABSENT = "--device: 'cuda' is not available: torch sees no CUDA device here; choose auto or cpu"


def pool(error: Exception) -> type:
    """A worker pool that cannot collect the cases."""

    class Pool:
        import_seconds = 0.0

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def collect(self, _: object) -> None:
            raise error

    return Pool


def test_bench_without_the_device_says_so_once(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason stands once, and no run folder is left."""
    monkeypatch.setattr("harness.bench.run.WorkerPool", pool(Refused(ABSENT)))
    status, out, err = ran(capsys, "bench", "--device", "cuda", "--watch", "0")
    assert status == 2
    assert err == f"harness: {ABSENT}\n"
    assert ABSENT not in out
    assert list((here / "results").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status"), [(WorkerError("no process can measure"), 2), (UnusableGpu("update it"), 3)]
)
def test_bench_that_could_not_begin_says_why_once(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """The run's folder, which has the log, is named without the reason again."""
    monkeypatch.setattr("harness.bench.run.WorkerPool", pool(error))
    found, out, err = ran(capsys, "bench", "--watch", "0")
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

    monkeypatch.setattr(gating, "gate", refused)
    status, out, err = ran(capsys, "selftest", "--device", "cuda")
    assert (status, err) == (2, f"harness: {ABSENT}\n")
    assert ABSENT not in out
    assert list((here / "results").iterdir()) == []


def test_only_some_metrics_can_be_accepted(here: Path, capsys: Captured) -> None:
    """The message names them; time has a higher --target instead."""
    status, _, err = ran(capsys, "gate", "--accept", "seconds")
    assert (status, err) == (
        2,
        "harness: --accept: 'seconds' cannot be accepted (allowed: memory, launches, tracked, results)\n",
    )


# --- paths to write -----------------------------------------------------------------------------------------


def options_of(name: str) -> list[argparse.Action]:
    """The options of a command, and of its own commands."""
    actions = list(parser([name])._actions)
    for action in actions:
        if isinstance(action, argparse._SubParsersAction) and {*action.choices} & {name, "set"}:
            actions += [
                each for key in {*action.choices} & {name, "set"} for each in action.choices[key]._actions
            ]
    return [action for action in actions if action.option_strings]


WRITING = [
    (name, action.option_strings[-1])
    for name in COMMANDS
    for action in options_of(name)
    if action.type in (written_file, written_folder)
]


def test_every_path_is_read_or_checked() -> None:
    """Options that take a path as it is are those that are only read from."""
    plain = {each.option_strings[-1] for name in COMMANDS for each in options_of(name) if each.type is Path}
    assert plain == {"--data", "--benchmarks"}
    assert {option for _, option in WRITING} == {"--results", *(f"--{form}" for form in FORMS)}


@pytest.mark.parametrize(("name", "option"), WRITING)
def test_a_path_like_an_option_is_not_written(name: str, option: str, here: Path, capsys: Captured) -> None:
    """A word with a dash at its front is a misspelt option: the message has the path for a file of that
    name."""
    before = sorted(here.iterdir())
    for words in ([option, "-x"], [f"{option}=--select"]):
        status, out, error = ran(capsys, name, *(("set", "run") if name == "baseline" else ()), *words)
        value = words[-1].rpartition("=")[2]
        assert (status, out) == (2, "")
        assert f"argument {option}: '{value}' begins with a dash" in error and f": ./{value})" in error
    assert sorted(here.iterdir()) == before
