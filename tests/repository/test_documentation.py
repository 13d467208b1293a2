"""README.md, docs/ and the examples: what they tell people to type can be typed, and their links lead
somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.cli.completion import OPTION
from harness.cli.main import parser
from harness.report.saved_run import SavedRun
from tests.support.living import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*PAGES, ROOT / "examples" / "gate.yml")
}
README = TEXTS["README.md"]


def test_the_readme_is_short() -> None:
    """A newcomer reads it in three minutes; docs/ has the rest, and every page of it is linked."""
    assert len(README.split()) < 900
    unlinked = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - set(_links(README))
    assert unlinked == {"docs/GPU.md"}  # for those who change the code


def _links(text: str) -> list[str]:
    """The targets of a page's links that lead to files, outside of code."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target]


def _anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


def _broken(page: Path, text: str) -> Iterator[str]:
    """Links of a page to files or headings that are not there."""
    for target in _links(text):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in _anchors(file.read_text(encoding="utf-8"))):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading that it has."""
    assert list(_broken(page, page.read_text(encoding="utf-8"))) == []


def test_a_link_to_nowhere_is_found() -> None:
    """The test above sees what it is for; code is no link."""
    text = "[a](docs/NONE.md) [b](docs/GATE.md#none) [c](docs/GATE.md#exit-status) `[d](e)`"
    assert list(_broken(ROOT / "README.md", text)) == ["docs/NONE.md", "docs/GATE.md#none"]


def test_nothing_is_installed_from_an_index_that_does_not_have_it() -> None:
    """tipbench is installed from a folder or an address, and with parts that it has."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for name in ("README.md", "docs/INSTALL.md", "examples/gate.yml"):
        installed = re.findall(r"pip install .*tipbench.*", TEXTS[name])
        assert installed
        for command in installed:
            assert re.search(r"path/to/tipbench|dist/tipbench-\*\.whl|tipbench\[\w+\] @ ", command)
            for named in re.findall(r"tipbench\[([^]]*)\]", command):
                assert set(named.split(",")) <= set(extras)


def test_no_message_names_a_distribution_that_cannot_be_installed() -> None:
    """Messages name the package that is missing, not a part of tipbench."""
    for path in (ROOT / "harness").rglob("*.py"):
        assert not re.search(r"pip install [\"']*tipbench", path.read_text(encoding="utf-8")), path


def _commands(text: str) -> Iterator[list[str]]:
    """The lines that a page has people type, and the steps of a workflow, as words without comments."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"\$\{\{.*?\}\}", "main", text))
    for line in re.findall(r"^(?:\$ |- run: | +(?=tipbench ))(.*)$", text, re.MULTILINE):
        yield shlex.split(line, comments=True)


def _ours() -> list[str]:
    """Every command of ours on the pages, as arguments of the program."""
    found: dict[str, None] = {}
    for text in TEXTS.values():
        for words in _commands(text):
            if words[:3] == ["python", "-m", "harness"]:
                found[shlex.join(words[3:])] = None
            elif words[:1] == ["tipbench"]:
                found[shlex.join(words[1:])] = None
            elif words[:2] == ["nox", "-s"] and "--" in words:
                found[shlex.join([words[2], *words[4:]])] = None
    return list(found)


@pytest.mark.parametrize("command", _ours())
def test_commands_have_the_options_that_they_show(command: str) -> None:
    """Each command is understood as it stands."""
    if not command.endswith("--help") and not command.startswith(OPTION):
        assert parser().parse_args(shlex.split(command)).command is not None


def test_commands_are_found_wherever_they_stand() -> None:
    """The test above sees consoles, steps of workflows and lines that go on."""
    text = "$ tipbench runs  # all\n- run: tipbench trend\n      tipbench gate \\\n        --base x\ntipbench none\n"
    assert list(_commands(text)) == [
        ["tipbench", "runs"],
        ["tipbench", "trend"],
        ["tipbench", "gate", "--base", "x"],
    ]
    assert {"doctor", "report --html page.html"} <= set(_ours())


def test_sessions_of_nox_exist() -> None:
    """Whatever a page has people start with nox is a session of the noxfile."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = {
        word
        for text in TEXTS.values()
        for words in _commands(text)
        if words[:2] == ["nox", "-s"]
        for word in words[2 : words.index("--") if "--" in words else None]
    }
    assert "tests" in named
    assert named <= sessions


NOT_OURS = {"compare", "ImageFolder"}
"""Calls in the pages' prose that are no names of the package: a fixture, a class of torchvision's."""


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
    """Every piece of Python on the pages for users, and every call and dotted name of ours in their prose."""
    found: list[str] = []
    for name in ("README", "docs/BENCH", "docs/MACHINE", "docs/NOTEBOOK", "docs/TUNE", "docs/YOUR_CLAIMS"):
        text = TEXTS[f"{name}.md"]
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found += re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        found += re.findall(r"`((?:harness|run)\.\w+)[`(]", prose)
        calls = (call for call in re.findall(r"`(\w+)\([^`]*\)`", prose) if call not in NOT_OURS)
        found += (f"harness.{call}" for call in calls)
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("source", _names())
def test_python_has_the_names_that_the_pages_use(source: str) -> None:
    """What is imported, called, or read of a loaded run is there under that name."""
    assert list(_unknown(source)) == []


def test_names_that_are_gone_are_found() -> None:
    """The test above sees what it is for."""
    gone = "import harness\nfrom harness import nothing\nrun = harness.load('x')\nrun.rate\nharness.rates_frame(run)\n"
    assert sorted(_unknown(gone)) == ["harness.rates_frame", "nothing", "run.rate"]
    assert list(_unknown("harness.load('x').tracing")) == ["harness.load(...).tracing"]


def test_every_frame_is_on_the_page_about_notebooks() -> None:
    """What a loaded run has is named there."""
    made_once = [name for name, made in vars(SavedRun).items() if type(made).__name__ == "cached_property"]
    frames = [name for name in made_once if not name.startswith("_")]
    assert [name for name in frames if f"`{name}`" not in TEXTS["docs/NOTEBOOK.md"]] == []
