"""What commands print: how wide, in which encoding, and how they name the command to type next."""

from __future__ import annotations

import ast
import io
import re
import sys
from pathlib import Path

import pytest

from harness.cli import output
from harness.cli.main import main, parser
from harness.errors import HarnessError
from harness.program import NOX_SESSIONS, NOX_VARIABLE, advised, shadowed
from tests.support.living import ROOT


@pytest.mark.parametrize(
    ("stated", "width"),
    [
        ("", 120),
        ("0", 120),
        ("-5", 120),
        ("wide", 120),
        ("\u00b2", 120),
        ("1e3", 120),
        ("80", 80),
        ("7", 40),
        ("9" * 30, 1000),
    ],
)
def test_a_pipe_is_as_wide_as_stated(monkeypatch: pytest.MonkeyPatch, stated: str, width: int) -> None:
    """COLUMNS counts where it is a whole number above 0, within bounds; otherwise it is as good as unset."""
    monkeypatch.setenv("COLUMNS", stated)
    assert output.console(io.StringIO()).width == width


def test_a_pipe_without_a_stated_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where COLUMNS is unset a pipe is wide enough for tables."""
    monkeypatch.delenv("COLUMNS", raising=False)
    assert output.console(io.StringIO()).width == 120


def test_one_place_reads_the_width() -> None:
    """No command looks at COLUMNS by itself."""
    readers = [
        path.name
        for path in (ROOT / "harness").rglob("*.py")
        if '"COLUMNS"' in path.read_text(encoding="utf-8")
    ]
    assert readers == ["output.py"]


def test_complaints_have_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """An error keeps its lines, and its foreign text loses its power."""
    output.complain("one \x1b[31m\ntwo \u202e\n")
    assert capsys.readouterr().err == "harness: one [31m\n  two \n"


# --- the command to type next -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("started", "nox", "bench", "runs"),
    [
        ("/x/harness/cli/main.py", "", "python -m harness bench --budget 5m", "python -m harness runs"),
        ("/usr/bin/tipbench", "", "tipbench bench --budget 5m", "tipbench runs"),
        ("C:/bin/tipbench.exe", "", "tipbench bench --budget 5m", "tipbench runs"),
        ("/x/harness/cli/main.py", "1", "nox -s bench -- --budget 5m", "python -m harness runs"),
    ],
)
def test_advice_names_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, started: str, nox: str, bench: str, runs: str
) -> None:
    """Advice has the form in which the process was started: the module, the script, or our own nox
    sessions."""
    monkeypatch.setattr(sys, "argv", [started])
    monkeypatch.setenv(NOX_VARIABLE, nox)
    assert advised("bench --budget 5m") == bench
    assert advised("runs") == runs


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("harness/__init__.py", "tipbench"),
        ("harness.py", "tipbench"),
        ("harness/notes.txt", "python -m harness"),
        ("other.py", "python -m harness"),
    ],
)
def test_advice_beside_another_package_of_that_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, name: str
) -> None:
    """Where ``python -m harness`` would run something else, advice and usage name the script."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/x/harness/cli/main.py"])
    monkeypatch.delenv(NOX_VARIABLE, raising=False)
    assert advised("runs") == f"{name} runs"
    assert parser().prog == name


def test_our_own_package_is_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout of this project the module is this one."""
    monkeypatch.chdir(ROOT)
    assert not shadowed(Path.cwd())


def test_nox_is_advised_for_the_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs a session of nox can run this one, too."""
    monkeypatch.setenv(NOX_VARIABLE, "1")
    assert advised("ceilings") == "nox -s ceilings"


def test_the_sessions_of_nox_are_there() -> None:
    """Each command that advice gives to nox is a session of the noxfile, which marks what it starts."""
    functions = {
        node.name: ast.unparse(node)
        for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for name in NOX_SESSIONS:
        assert f"_harness(session, '{name}')" in functions[name]
    assert f"'{NOX_VARIABLE}': '1'" in functions["_harness"]


def test_no_advice_is_written_out() -> None:
    """Messages do not spell out how the program is started: `advised` knows."""
    for path in (ROOT / "harness").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [
            node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        spelled = [
            node.value
            for node in texts
            if id(node) not in documentation and re.search("python -m harness |nox -s bench", str(node.value))
        ]
        assert spelled == [], path


# --- unforeseen errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["gate", "bench", "report"])
def test_a_fault_of_ours_is_no_regression(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """An error that nothing caught has its traceback and exit status 2: 1 means that something became
    slower."""

    def broken(*_: object) -> int:
        raise KeyError("packages")

    monkeypatch.setattr(f"harness.cli.{command}.run", broken)
    assert main([command]) == 2
    assert "KeyError: 'packages'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (HarnessError("no runs in x: bench makes one"), 2, "harness: no runs in x: bench makes one\n"),
        (OSError(28, "No space left on device", "results"), 2, "No space left on device: 'results'\n"),
        (KeyboardInterrupt(), 130, "harness: interrupted\n"),
    ],
)
def test_what_a_command_raises_has_one_line_and_a_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No command has to catch what it cannot mend."""

    def fails(_: object) -> int:
        raise error

    monkeypatch.setattr("harness.cli.runs.run", fails)
    assert main(["runs"]) == status
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert printed.err.endswith(line)


# --- what was mistyped --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "usage", "hint"),
    [
        (["bench", "--selct", "L1"], "python -m harness bench", "--selct; did you mean --select?"),
        (["gate", "--bse=HEAD"], "python -m harness gate", "--bse=HEAD; did you mean --base?"),
        (
            ["compare", "a", "b", "--qqq"],
            "python -m harness compare",
            "--qqq; python -m harness compare --help",
        ),
        (
            ["baseline", "set", "latest", "--result", "x", "--yes"],
            "python -m harness baseline set",
            "--yes; ",
        ),
        (["--verson"], "python -m harness", "--verson; did you mean --version?"),
    ],
)
def test_a_wrong_option_shows_the_usage_of_its_command(
    capsys: pytest.CaptureFixture[str], typed: list[str], usage: str, hint: str
) -> None:
    """The usage is that of the command that was typed, and the nearest option is named."""
    with pytest.raises(SystemExit) as ended:
        main(typed)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"usage: {usage} [-h]")
    assert hint in " ".join(error.split())
