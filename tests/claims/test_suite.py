"""Tests that use pytest-benchmark: found in their files by name, however they come by the fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.claims.folder import chosen_folder, read
from harness.claims.pytest_settings import PytestSettings, kept, pytest_settings

SUITE = """
import pytest

@pytest.fixture
def measured(benchmark, other): ...

@pytest.fixture
def other(number): ...

@pytest.fixture(name="named")
def _named(measured): ...

def test_plain(benchmark): "Adding is fast."
def test_through_a_fixture(named): ...
async def test_async(benchmark): ...
def test_weave(benchmark_weave): ...
def test_default(benchmark=None): ...
def test_without(other, number): ...
def helper(benchmark): ...
if True:
    def test_under_a_condition(*, benchmark): ...

class Base:
    def test_inherited(self, benchmark): ...
    def test_replaced(self, benchmark): ...

class TestIt(Base):
    def test_replaced(self): ...
    class TestInner:
        def test_deep(self, benchmark): ...

class TestAutomatic:
    @pytest.fixture(autouse=True)
    def keep(self, benchmark): ...
    def test_kept(self): ...

class NoTests:
    def test_no(self, benchmark): ...
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a folder of tests."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    return tmp_path


def functions(folder: Path) -> list[str]:
    """What is read from a folder."""
    return [f"{claim.path}::{claim.function}" for claim in read(folder).claims]


def test_what_uses_the_fixture(repository: Path) -> None:
    """A test takes it, or what takes it; classes inherit, and replace what they inherit."""
    (repository / "tests/test_it.py").write_text(SUITE)
    found = read(repository / "tests")
    assert not found.problems
    assert [claim.function for claim in found.claims] == [
        "test_plain",
        "test_through_a_fixture",
        "test_async",
        "test_weave",
        "test_under_a_condition",
        "TestIt::test_inherited",
        "TestIt::TestInner::test_deep",
        "TestAutomatic::test_kept",
    ]
    plain = found.claims[0]
    assert (plain.name, plain.sentence, plain.fixture) == ("plain", "Adding is fast.", "benchmark")
    assert found.claims[5].sentence == "test_it.py::TestIt::test_inherited"


def test_fixtures_of_a_conftest(repository: Path) -> None:
    """Those above a file count, the nearest first; a fixture that takes its own name wraps the one above."""
    tests = repository / "tests"
    (tests / "one").mkdir()
    (tests / "two").mkdir()
    fixture = "import pytest\n@pytest.fixture\ndef {}({}): ...\n"
    (repository / "conftest.py").write_text(fixture.format("timed", "benchmark"))
    (tests / "one/conftest.py").write_text(fixture.format("timed", ""))
    (tests / "two/conftest.py").write_text(fixture.format("timed", "timed"))
    (tests / "three.py").write_text("def test_no(benchmark): ...")
    for folder in ("one", "two"):
        (tests / folder / f"test_{folder}.py").write_text("def test_it(timed): ...")
    assert functions(tests) == ["two/test_two.py::test_it"]
    (tests / "one/conftest.py").write_text(fixture.format("benchmark", "benchmark"))
    (tests / "one/test_one.py").write_text("def test_it(benchmark): ...")
    assert functions(tests) == ["one/test_one.py::test_it", "two/test_two.py::test_it"]


def test_names_of_tests_go_by_the_settings(repository: Path) -> None:
    """Files, functions and classes are those that pytest would collect."""
    (repository / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\n"
        'python_files = "perf_*.py"\npython_functions = ["measure_*", "time"]\npython_classes = "Speed"\n'
    )
    (repository / "tests/perf_it.py").write_text(
        "def measure_a(benchmark): ...\ndef timely(benchmark): ...\ndef test_b(benchmark): ...\n"
        "class SpeedOf:\n    def time_c(self, benchmark): ...\n"
    )
    (repository / "tests/test_it.py").write_text("def measure_d(benchmark): ...")
    assert functions(repository / "tests") == [
        "perf_it.py::measure_a",
        "perf_it.py::timely",
        "perf_it.py::SpeedOf::time_c",
    ]


def test_our_benchmarks_lie_beside_them(repository: Path) -> None:
    """A folder may hold both kinds; in a file of ours, a function that takes pytest-benchmark's fixture is a
    test."""
    folder = repository / "tests"
    (folder / "bench_it.py").write_text(
        '"A claim."\ndef bench_ours(compare): ...\ndef bench_theirs(benchmark): ...\n'
    )
    (folder / "test_it.py").write_text("def test_it(benchmark): ...")
    found = read(folder)
    assert {claim.function: claim.fixture for claim in found.claims} == {
        "bench_ours": "compare",
        "bench_theirs": "benchmark",
        "test_it": "benchmark",
    }
    assert not found.problems
    assert chosen_folder(folder, Path("shipped")) == folder
    (folder / "bench_it.py").unlink()
    assert chosen_folder(folder, Path("shipped")) == folder


def test_names_that_are_shared_have_their_file_in_front(repository: Path) -> None:
    """As benchmarks without a stated name are."""
    for name in ("one", "two"):
        (repository / f"tests/test_{name}.py").write_text("def test_it(benchmark): ...")
    assert [claim.name for claim in read(repository / "tests").claims] == ["one.it", "two.it"]


def test_a_file_that_is_no_python(repository: Path) -> None:
    """It is a problem if it names the fixture; any other is not read further."""
    (repository / "tests/test_torn.py").write_text("def (benchmark")
    (repository / "tests/test_other.py").write_text("def (")
    (repository / "tests/test_it.py").write_text("def test_it(benchmark): ...")
    found = read(repository / "tests")
    assert [problem.path for problem in found.problems] == ["test_torn.py"]
    assert len(found.claims) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\npython_files = perf_*.py\n"),
        (".pytest.ini", "[pytest]\npython_files =\n    perf_*.py\n    # a remark\n"),
        ("tox.ini", "[tox]\n[pytest]\npython_files = perf_*.py\n"),
        ("setup.cfg", "[tool:pytest]\npython_files = perf_*.py\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npython_files = ["perf_*.py"]\n'),
        ("pyproject.toml", '[tool.pytest]\npython_files = ["perf_*.py"]\n'),
        ("pytest.toml", '[pytest]\npython_files = ["perf_*.py"]\n'),
    ],
)
def test_where_settings_are(repository: Path, name: str, text: str) -> None:
    """Each kind of file, above the tests."""
    (repository / name).write_text(text)
    found = pytest_settings(repository / "tests")
    assert (found.folder, found.file, found.files) == (repository, repository / name, ("perf_*.py",))


def test_files_that_are_not_pytests(repository: Path) -> None:
    """Sections of other tools do not count, nor do torn files; the project's folder is the root, at the most
    the repository's top."""
    (repository / "tests/setup.cfg").write_text("[flake8]\n")
    (repository / "tests/tox.ini").write_text("torn")
    (repository / "pyproject.toml").write_text("[tool.ruff]\n")
    assert pytest_settings(repository / "tests") == PytestSettings(repository)
    (repository / "pyproject.toml").unlink()
    assert pytest_settings(repository / "tests") == PytestSettings(repository / "tests")
    (repository / "pytest.ini").write_text("")
    assert pytest_settings(repository / "tests").file == repository / "pytest.ini"


def test_what_is_kept_of_addopts() -> None:
    """What decides whether tests can be imported and called; not how many run at once or what is printed."""
    typed = (
        "-n 4 -p xdist -pcov --import-mode=importlib --cov=x -p my.plugin -pother --import-mode append -q -x"
    )
    assert kept(tuple(typed.split())) == (
        "--import-mode=importlib", "-p", "my.plugin", "-pother", "--import-mode", "append",
    )  # fmt: skip
