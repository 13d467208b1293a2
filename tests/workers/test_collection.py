"""What measuring processes find in a repository's benchmark files: real ones, before they measure
anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.model import Collected
from harness.processes.launch import measuring_environment, pytest_command
from harness.processes.live import LiveProcess, Reaper
from harness.workers.codec import receive
from harness.workers.protocol import Importing, Ready
from tests.support.living import PATIENCE

LIMIT = PATIENCE
BENCH = "def bench_{0}(compare): compare(baseline=lambda: 1)\n"
TORCH = "from importlib.util import find_spec\nassert 'site-packages' in find_spec('torch').origin\n"
"""Whether torch is torch, without the seconds that importing it takes."""

Collect = Callable[..., Collected]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    """Writes files below a repository's folder, and has a process collect some of its benchmarks from
    there."""
    guard = Reaper()

    def collected(files: dict[str, str], *only: str, root: str = "benchmarks") -> Collected:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        benchmarks = tmp_path / root
        chosen = [benchmarks / name for name in only] or sorted(benchmarks.rglob("bench_*.py"))
        process = LiveProcess(
            pytest_command(sys.executable, benchmarks, list(map(str, chosen))),
            guard=guard,
            environment=measuring_environment(),
            log=tmp_path / "log",
            folder=tmp_path,
        )
        try:
            begun = []
            while isinstance(ready := receive(process.channel, LIMIT), Importing):
                begun.append(ready.file)
        finally:
            process.end()
        assert isinstance(ready, Ready)
        # What hangs or dies on the way is known by its file, and when it is over.
        assert {case.partition("::")[0] for case in ready.collected.cases} <= {*begun}
        assert begun[1::2] == [""] * (len(begun) // 2)
        return ready.collected

    yield collected
    guard.close()


def test_files_without_cases_have_their_reasons(collect: Collect) -> None:
    """One that skips itself is skipped with pytest's reason, one that fails or exits has file, line and what
    was raised."""
    found = collect(
        {
            "benchmarks/bench_good.py": BENCH.format("good"),
            "benchmarks/bench_skip.py": "import pytest\npytest.importorskip('no_such_package')\n"
            + BENCH.format("skip"),
            "benchmarks/in/bench_level.py": "import pytest\npytest.skip('no GPU', allow_module_level=True)\n",
            "benchmarks/bench_import.py": "import os\nimport no_such_package\n" + BENCH.format("import"),
            "benchmarks/bench_torn.py": "\n\ndef (\n",
            "benchmarks/bench_left_out.py": BENCH.format("left_out") + BENCH.format("stays"),
            "benchmarks/bench_empty.py": "import pytest\n@pytest.mark.parametrize('n', [])\n"
            "@pytest.mark.parametrize('m', [1, 2])\ndef bench_empty(compare, m, n): pass\n",
            "benchmarks/conftest.py": "def pytest_collection_modifyitems(items):\n"
            "    items[:] = [item for item in items if item.name != 'bench_left_out']\n",
            "benchmarks/bench_exit.py": "import sys\nsys.exit('needs a GPU')\n" + BENCH.format("exit"),
        }
    )
    assert found.cases == ("bench_good.py::bench_good", "bench_left_out.py::bench_stays")
    assert found.removed["bench_left_out.py::bench_left_out"].startswith("deselected by a hook")
    assert found.removed["bench_empty.py::bench_empty"] == "its list of values for n is empty"
    assert found.skipped["in/bench_level.py"] == "no GPU"
    assert "no_such_package" in found.skipped["bench_skip.py"]
    assert found.broken["bench_import.py"] == (
        "bench_import.py:2: ModuleNotFoundError: No module named 'no_such_package'"
    )
    assert "bench_torn.py:3: it cannot be read as Python" in found.broken["bench_torn.py"]
    assert found.broken["bench_exit.py"].startswith(
        "bench_exit.py:2: SystemExit: needs a GPU; to leave the file out"
    )
    assert (len(found.skipped), len(found.broken), len(found.removed)) == (2, 3, 2)


def test_why_a_file_has_no_case() -> None:
    """What became of the benchmark, of the file itself, or of a folder that it is in."""
    found = Collected(
        broken={"a/b": "no fixture", "x.py": "no torch"},
        skipped={"y.py": "no GPU"},
        removed={"z.py::bench_z": "deselected"},
    )
    assert found.why_absent("z.py::bench_z") == ("skipped", "deselected")
    assert found.why_absent("z.py::bench_y") is None
    assert found.why_absent("a/b/bench_d.py::bench_d") == ("failed", "no fixture")
    assert found.why_absent("a/b/c/bench_d.py") == ("failed", "no fixture")
    assert found.why_absent("x.py") == ("failed", "no torch")
    assert found.why_absent("y.py") == ("skipped", "no GPU")
    assert found.why_absent("a/bench_d.py") is None
    assert Collected(broken={".": "no conftest"}).why_absent("a/b.py") == ("failed", "no conftest")


def test_what_lies_beside_a_benchmark_can_be_imported(collect: Collect) -> None:
    """From its own folder and from a package it is in, as plain pytest has it; two files may have one
    name."""
    found = collect(
        {
            "benchmarks/common.py": "SIZE = 1\n",
            "benchmarks/bench_top.py": "from common import SIZE\n" + BENCH.format("top"),
            "benchmarks/one/helpers.py": "SIZE = 2\n",
            "benchmarks/one/bench_same.py": "from helpers import SIZE\n" + BENCH.format("same"),
            "benchmarks/two/bench_same.py": "from common import SIZE\n" + BENCH.format("same"),
            "benchmarks/pack/__init__.py": "",
            "benchmarks/pack/common.py": "WIDTH = 3\n",
            "benchmarks/pack/bench_pack.py": "from pack.common import WIDTH\n" + BENCH.format("pack"),
            "benchmarks/torch/bench_torch.py": TORCH + BENCH.format("torch"),
            "benchmarks/bench_v1.2.py": BENCH.format("dotted"),
        }
    )
    assert found.broken == {}
    assert sorted(found.cases) == [
        "bench_top.py::bench_top",
        "bench_v1.2.py::bench_dotted",
        "one/bench_same.py::bench_same",
        "pack/bench_pack.py::bench_pack",
        "torch/bench_torch.py::bench_torch",
        "two/bench_same.py::bench_same",
    ]


@pytest.mark.parametrize("file", ["bench_spawn.py", "one/bench_spawn.py", "pack/bench_spawn.py"])
def test_spawned_workers_find_a_benchmark_file(collect: Collect, file: str) -> None:
    """A class of the file goes to a worker, also of a file whose name another one has."""
    text = (
        "import multiprocessing\n"
        "class Sample:\n    def work(self): pass\n"
        "def pytest_generate_tests(metafunc):\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=Sample().work)\n"
        "    worker.start()\n    worker.join()\n"
        "    assert worker.exitcode == 0\n"
    )
    files = {
        "benchmarks/one/bench_spawn.py": text,
        "benchmarks/pack/__init__.py": "",
        f"benchmarks/{file}": text,
    }
    if file == "bench_spawn.py":
        del files["benchmarks/one/bench_spawn.py"]
    found = collect(
        {name: f"{text}\n{BENCH.format('x')}" if text else "" for name, text in files.items()}, file
    )
    assert (found.cases, found.broken) == ((f"{file}::bench_x",), {})


@pytest.mark.parametrize("name", ["harness", "pytest", "torch", "benchmarks"])
def test_a_repository_has_a_package_of_our_name(collect: Collect, name: str) -> None:
    """Our processes find their own first, whatever lies in the working folder and, for them, in front of the
    path.

    A conftest.py in the repository's root puts that in front for what benchmarks import, as in plain pytest.
    """
    files = {
        ".git/HEAD": "",
        f"{name}/__init__.py": "raise RuntimeError('the wrong one')\n" if name != "benchmarks" else "",
        "benchmarks/bench_x.py": f"from harness import claim\n{TORCH}" + BENCH.format("x"),
    }
    found = collect(files if name == "torch" else {**files, "conftest.py": ""})
    assert (found.cases, found.broken) == (("bench_x.py::bench_x",), {})


def test_what_a_conftest_has_for_other_plug_ins(collect: Collect) -> None:
    """Hooks of plug-ins that are not loaded are passed over; a conftest.py above the repository is not
    loaded."""
    found = collect(
        {
            "conftest.py": "raise RuntimeError('above')\n",
            "repo/.git/HEAD": "",
            "repo/conftest.py": "import pytest\n@pytest.fixture\ndef size(): return 3\n"
            "def pytest_benchmark_update_machine_info(config, machine_info): pass\n",
            "repo/benchmarks/in/conftest.py": "def pytest_html_report_title(report): pass\n",
            "repo/benchmarks/in/bench_x.py": "def bench_x(compare, size): compare(baseline=lambda: size)\n",
        },
        root="repo/benchmarks",
    )
    assert (found.cases, found.broken) == (("in/bench_x.py::bench_x",), {})


def test_tests_that_use_pytest_benchmark(collect: Collect) -> None:
    """They are cases, under their repository's own settings but for what runs tests side by side or measures
    them; other tests are none. Cases are named relative to the folder, whatever pytest's root is."""
    suite = """
import pytest, warnings
warnings.warn("old", DeprecationWarning)
@pytest.mark.parametrize("x", [1, "a"])
@pytest.mark.benchmark(group="g")
def test_it(timed, x): ...
def test_other(): ...
class TestIn:
    def test_deep(self, benchmark): ...
class TestBroken:
    import no_such_package
"""
    found = collect(
        {
            "pytest.ini": (
                "[pytest]\naddopts = -n 4 --cov=x --strict-markers --import-mode=importlib\n"
                "required_plugins = pytest-none\nfilterwarnings = error\npython_classes = Test\n"
            ),
            "tests/perf/conftest.py": "import pytest\n@pytest.fixture\ndef timed(benchmark): return benchmark\n",
            "tests/perf/test_it.py": suite.replace("    import no_such_package", "    def helper(self): ..."),
            "tests/perf/test_broken.py": suite,
        },
        "perf/test_it.py",
        "perf/test_broken.py",
        root="tests",
    )
    assert found.cases == (
        "perf/test_it.py::test_it[1]",
        "perf/test_it.py::test_it[a]",
        "perf/test_it.py::TestIn::test_deep",
    )
    assert found.why_absent("perf/test_broken.py") == (
        "failed",
        "test_broken.py:11: ModuleNotFoundError: No module named 'no_such_package'",
    )
