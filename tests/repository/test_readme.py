"""What the README and the examples tell people to type: it can be typed, and means what they say."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest

import harness
from harness.cli.main import parser
from harness.report.saved_run import SavedRun
from tests.support.living import ROOT

TEXTS = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "examples" / "gate.yml")
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_nothing_is_installed_from_an_index_that_does_not_have_it(name: str) -> None:
    """tipbench is installed from a folder or an address, and with parts that it has."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    installed = re.findall(r"pip install .*tipbench.*", TEXTS[name])
    assert installed
    for command in installed:
        assert "path/to/tipbench" in command or "tipbench[gate] @ " in command
        for named in re.findall(r"tipbench\[([^]]*)\]", command):
            assert set(named.split(",")) <= set(extras)


def test_no_message_names_a_distribution_that_cannot_be_installed() -> None:
    """Messages name the package that is missing, not a part of tipbench."""
    for path in (ROOT / "harness").rglob("*.py"):
        assert not re.search(r"pip install [\"']*tipbench", path.read_text(encoding="utf-8")), path


def _commands() -> list[str]:
    """Every command of ours in the README's consoles, without comments, as arguments of the program."""
    found = []
    for line in re.findall(r"^\$ (.*)$", TEXTS["README.md"], re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words[:3] == ["python", "-m", "harness"]:
            found.append(shlex.join(words[3:]))
        elif words[:1] == ["tipbench"]:
            found.append(shlex.join(words[1:]))
        elif words[:2] == ["nox", "-s"] and "--" in words:
            found.append(shlex.join([words[2], *words[4:]]))
    return found


@pytest.mark.parametrize("command", _commands())
def test_commands_have_the_options_that_they_show(command: str) -> None:
    """Each command of the README is understood as it stands."""
    assert parser().parse_args(shlex.split(command)).command is not None


NOT_OURS = {"compare", "ImageFolder"}
"""Calls in the README's prose that are no names of the package: a fixture, a class of torchvision's."""


def _unknown(source: str) -> Iterator[str]:
    """Names of ours that a piece of Python uses and the package does not have."""
    tree = ast.parse(source)
    runs = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("harness.load(")
        for target in node.targets
        if isinstance(target, ast.Name)
    } | {"run"}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="harness", names=names):
                yield from (alias.name for alias in names if alias.name not in harness.__all__)
            case ast.Attribute(value=ast.Name(id="harness"), attr=name) if name not in harness.__all__:
                yield f"harness.{name}"
            case ast.Attribute(value=ast.Call() as call, attr=name) if (
                ast.unparse(call.func) == "harness.load"
            ):
                if not hasattr(SavedRun, name):
                    yield f"harness.load(...).{name}"
            case ast.Attribute(value=ast.Name(id=run), attr=name) if run in runs and not hasattr(
                SavedRun, name
            ):
                yield f"{run}.{name}"


def _names() -> list[str]:
    """Every piece of Python in the README, and every call and dotted name of ours in its prose."""
    blocks = re.findall(r"```python\n(.*?)```", TEXTS["README.md"], re.DOTALL)
    prose = re.sub(r"```.*?```", "", TEXTS["README.md"], flags=re.DOTALL)
    dotted = re.findall(r"`((?:harness|run)\.\w+)[`(]", prose)
    calls = [name for name in re.findall(r"`(\w+)\([^`]*\)`", prose) if name not in NOT_OURS]
    return [*blocks, *dotted, *(f"harness.{name}" for name in calls)]


@pytest.mark.parametrize("source", _names())
def test_python_has_the_names_that_the_readme_uses(source: str) -> None:
    """What is imported, called, or read of a loaded run is there under that name."""
    assert list(_unknown(source)) == []


def test_names_that_are_gone_are_found() -> None:
    """The test above sees what it is for."""
    gone = "import harness\nfrom harness import nothing\nrun = harness.load('x')\nrun.rate\nharness.rates_frame(run)\n"
    assert sorted(_unknown(gone)) == ["harness.rates_frame", "nothing", "run.rate"]
    assert list(_unknown("harness.load('x').tracing")) == ["harness.load(...).tracing"]


def test_every_frame_is_in_the_readme() -> None:
    """What a loaded run has is named where notebooks are explained."""
    page = TEXTS["README.md"].partition("## In a notebook")[2].partition("\n## ")[0]
    frames = [name for name, made in vars(SavedRun).items() if type(made).__name__ == "cached_property"]
    assert [name for name in frames if f"`{name}`" not in page] == []
