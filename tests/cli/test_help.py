"""What ``--help`` shows of every command, and what the parser imports for it."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from harness.cli.main import COMMANDS, command, parser
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
