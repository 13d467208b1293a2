"""The names that `harness` offers: they exist, are documented with examples that run, typed, and cheap to
import."""

from __future__ import annotations

import doctest
import inspect
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

import harness
from tests.support.living import PATIENCE, ROOT
from tests.support.saved import claim, measurements_of, save

NAMES = [name for name in harness.__all__ if not name.startswith("_")]


def example_of(name: str) -> str:
    """The example in a name's docstring, without its indentation."""
    return dedent(inspect.cleandoc(getattr(harness, name).__doc__).partition("::\n")[2])


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name: str) -> None:
    """It exists, and has a docstring of its own with an example."""
    found = getattr(harness, name)
    words = found.__doc__ or ""
    assert not words.startswith(f"{name}(")  # which is what a dataclass writes for itself
    assert "Example" in words
    assert example_of(name)


def test_the_names_are_the_packages_own() -> None:
    """`__all__` has what the module defines for users, and nothing else is found by accident."""
    assert len(set(harness.__all__)) == len(harness.__all__)
    assert isinstance(harness.__version__, str)
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'nothing'"):
        harness.nothing  # noqa: B018
    namespace: dict[str, object] = {}
    exec("from harness import *", namespace)
    assert set(harness.__all__) <= set(namespace)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one saved run."""
    folder = tmp_path_factory.mktemp("results")
    of = claim("A")
    save(folder / "20260101-000000-aaaa", [of], measurements_of(of, "1", 4, pinned=5e-4))
    return folder


@pytest.mark.parametrize("name", [name for name in NAMES if name != "Compare"])
def test_an_example_runs(name: str, results: Path) -> None:
    """What the docstring shows is what happens."""
    globs = {**{each: getattr(harness, each) for each in harness.__all__}, "results": results}
    test = doctest.DocTestParser().get_doctest(example_of(name), globs, name, None, None)
    assert test.examples
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(test, out=report.append).failed == 0, "".join(report)


@pytest.mark.parametrize("text", [example_of("Compare"), (ROOT / "tests/data/bench_typed.py").read_text()])
def test_a_users_file_runs(text: str, tmp_path: Path) -> None:
    """The example of the fixture, and a file that states all types, run under plain pytest."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_users.py").write_text(text)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "harness.plugin",
            "-p",
            "no:cacheprovider",
            "benchmarks",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_types_are_shipped_and_checked() -> None:
    """The marker of a typed package is in the package, and mypy reads the user's file with the harness."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert (ROOT / "harness" / "py.typed").is_file()
    assert settings["hatch"]["build"]["targets"]["wheel"]["packages"] == ["harness"]
    assert settings["mypy"]["strict"] is True
    checked = [ROOT / name for name in settings["mypy"]["files"]]
    typed = ROOT / "tests" / "data" / "bench_typed.py"
    assert any(typed == file or file in typed.parents for file in checked)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_marker_is_not_ignored() -> None:
    """What git ignores, hatchling leaves out of the wheel."""
    ignored = subprocess.run(["git", "check-ignore", "-q", "harness/py.typed"], cwd=ROOT, check=False)
    assert ignored.returncode == 1


def test_importing_the_package_is_cheap() -> None:
    """Neither torch nor anything else that has to be installed comes along."""
    script = "import sys; import harness; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert set(done.stdout.split()) <= sys.stdlib_module_names | {"__main__", "harness"}
