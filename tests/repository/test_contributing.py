"""CONTRIBUTING.md, followed as it is written: each recipe is applied to a copy of the repository, its lines
typed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.living import ENVIRONMENT, ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COPIED = ("harness", "benchmarks", "tests", "scripts", "pyproject.toml", "noxfile.py")
RECIPES = re.findall(r"^## (Add .*)$", PAGE, re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in the page, by the language that it names."""

    language: str
    text: str


def blocks(title: str) -> Iterator[Block]:
    """The blocks of a recipe, in order."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        yield Block(language, text)


def create(repository: Path, text: str) -> Path:
    """Write a new file: its path is the comment in the first line."""
    first, _, rest = text.partition("\n")
    path = repository / first.removeprefix("# ")
    assert not path.exists(), f"{path.name} is there already"
    path.write_text(rest, encoding="utf-8")
    return path


def change(repository: Path, text: str) -> None:
    """Apply a diff whose lines must be found exactly once."""
    first, _, rest = text.partition("\n")
    path = repository / first.removeprefix("--- ")
    lines = rest.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line[:1] in " -")
    after = "".join(f"{line[1:]}\n" for line in lines if line[:1] in " +")
    current = path.read_text(encoding="utf-8")
    assert current.count(before) == 1, f"{path.name} does not have these lines once:\n{before}"
    path.write_text(current.replace(before, after), encoding="utf-8")


def typed(repository: Path, line: str) -> str:
    """Type a line; what it printed."""
    words = shlex.split(line.removeprefix("$ "))
    assert words[0] == "python"
    if words[1:3] == ["-m", "pytest"]:
        words += ["-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=repository,
        env={**ENVIRONMENT, "PYTHONPATH": str(repository), "TIPBENCH_CACHE": str(repository / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the recipes touch."""
    copy = tmp_path / "repository"
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=_left_out)
        else:
            shutil.copy(source, copy / name)
    return copy


def _left_out(folder: str, _names: list[str]) -> set[str]:
    return {"__pycache__", *(["data"] if Path(folder) == ROOT / "tests" else [])}


def test_there_are_four_recipes() -> None:
    """A heading that is written differently would be a recipe that nobody follows."""
    assert RECIPES == ["Add a claim", "Add a loader kind", "Add a probe", "Add a report form"]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works_as_it_is_written(title: str, repository: Path) -> None:
    """The files are created, the diffs apply, every line that is typed ends well, and the linter has no
    complaint."""
    shown: dict[str, str] = {}
    created: list[Path] = []
    for block in blocks(title):
        match block.language:
            case "python":
                created.append(create(repository, block.text))
            case "diff":
                change(repository, block.text)
            case "console":
                shown |= {line: typed(repository, line) for line in block.text.splitlines()}
            case other:
                raise AssertionError(f"a block of {other}: the page says nothing of those")
    assert shown
    for line, printed in shown.items():
        if "pytest" in line:
            assert re.search(r"\d+ passed", printed), f"{line}\n{printed}"
    match title:
        case "Add a claim":
            (listed,) = shown.values()
            assert "bench_addcmul[small]" in listed and "addcmul" in listed
        case "Add a loader kind":
            assert "skipped" not in "".join(shown.values())
        case "Add a report form":
            assert "--tap" in shown["$ python -m harness report --help"]


def test_the_linter_likes_what_the_page_adds(repository: Path) -> None:
    """All recipes one after the other, linted as the repository is."""
    linter = shutil.which(
        "ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    if linter is None:
        pytest.skip("ruff is not installed")
    added = (block.text for title in RECIPES for block in blocks(title) if block.language == "python")
    files = [create(repository, text) for text in added]
    for options in (["check"], ["format", "--check"]):
        command = [linter, *options, "--no-cache", *map(str, files)]
        done = subprocess.run(command, cwd=repository, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode()


def test_a_change_that_no_longer_fits_is_named(tmp_path: Path) -> None:
    """The lines around a change must be there, once."""
    (tmp_path / "list.py").write_text("a\nb\na\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"list\.py does not have these lines once"):
        change(tmp_path, "--- list.py\n a\n+c\n")
    change(tmp_path, "--- list.py\n a\n-b\n+c\n")
    assert (tmp_path / "list.py").read_text(encoding="utf-8") == "a\nc\na\n"
