"""What ``--help`` shows of every command, and what the parser imports for it."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys

import pytest

from harness.cli.examples import USAGES
from harness.cli.main import COMMANDS, command, main, parser
from harness.cli.parser import HelpFormatter
from tests.support.living import ENVIRONMENT, ROOT


def subparsers(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a parser's commands."""
    (action,) = [each for each in of._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(action.choices)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a description, a help text for every option, and lines that fit into 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert callable(command(name).run)
    own = subparsers(parser([name]))[name]
    assert own.description is not None and own.description.endswith(".")
    for one in [own, *(subparsers(own).values() if name == "baseline" else ())]:
        assert max(map(len, one.format_help().splitlines())) <= 80
        plain = [each for each in one._actions if not isinstance(each, argparse._SubParsersAction)]
        assert [each.dest for each in plain if not each.help] == []


def test_help_of_every_command_is_light() -> None:
    """The options of all commands are known without torch, pytest, NumPy, SciPy, pandas or rich."""
    code = "import sys; from harness.cli.main import parser; parser(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=ENVIRONMENT
    )
    loaded = {module.split(".")[0] for module in done.stdout.split()}
    assert "argparse" in loaded
    assert loaded & {"torch", "torchvision", "pandas", "scipy", "numpy", "pytest", "rich", "psutil"} == set()


def test_every_command_ends_its_help_with_examples_and_exit_statuses() -> None:
    """Two examples of each are understood as they stand, below what they are for."""
    assert list(USAGES) == list(COMMANDS)
    for name, usage in USAGES.items():
        assert len(usage.examples) == 2
        for arguments, _ in usage.examples:
            assert parser([name]).parse_args([name, *shlex.split(arguments)]).command == name
    shown = subparsers(parser(["gate"]))["gate"].format_help()
    assert "\n  # the working tree against a revision\n  python -m harness gate --base origin/main\n" in shown
    assert "exit status: 0 nothing regressed, 1 regressed" in shown


def test_examples_keep_their_lines_and_paragraphs_are_filled() -> None:
    """Lines that are indented are left alone, the others are filled."""
    own = argparse.ArgumentParser(
        prog="p", epilog=f"examples:\n  one  two\n\n{'word ' * 30}", formatter_class=HelpFormatter
    )
    tail = own.format_help().partition("examples:")[2]
    assert tail.startswith("\n  one  two\n\nword word")
    assert max(map(len, tail.splitlines())) <= 80 and len(tail.splitlines()) > 4


@pytest.mark.parametrize(("typed", "hint"), [
    (["benhc"], "'benhc' is not known; did you mean bench?"),
    (["zzz"], "'zzz' is not known; allowed: bench, list,"),
    (
        ["bench", "--profile", "standart"],
        "--profile: 'standart' is not known; did you mean standard? allowed: smoke, standard, thorough",
    ),
    (["bench", "--selct", "L1"], "unrecognized argument --selct; did you mean --select?"),
])  # fmt: skip
def test_what_is_misspelt_is_suggested(
    typed: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The nearest command, value or option; all of them where none is near."""
    with pytest.raises(SystemExit, match="2"):
        main(typed)
    assert hint in capsys.readouterr().err
