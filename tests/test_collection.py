"""What measuring processes find in a repository's benchmark files: real ones, asked before they measure anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from living import PATIENCE

from harness.launch import measuring_environment, pytest_command
from harness.model import Collected
from harness.processes import Guard, LiveProcess

LIMIT = 6 * PATIENCE
BENCH = "def bench_{0}(contest): contest(baseline=lambda: 1)\n"

Collect = Callable[..., Collected]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    """Writes files below a repository's folder, and has a process collect some of its benchmarks from there."""
    guard = Guard()

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
            said = process.channel.receive(LIMIT)
        finally:
            process.end()
        assert said is not None
        return Collected.of(said)

    yield collected
    guard.close()


def test_files_without_cases_have_their_reasons(collect: Collect) -> None:
    """One that skips itself is skipped with pytest's reason, one that fails has file, line and what was raised."""
    found = collect(
        {
            "benchmarks/bench_good.py": BENCH.format("good"),
            "benchmarks/bench_skip.py": "import pytest\npytest.importorskip('no_such_package')\n"
            + BENCH.format("skip"),
            "benchmarks/in/bench_level.py": "import pytest\npytest.skip('no GPU', allow_module_level=True)\n",
            "benchmarks/bench_import.py": "import os\nimport no_such_package\n" + BENCH.format("import"),
            "benchmarks/bench_claim.py": "from harness import claim\nx = 'y'\n@claim(x)\n" + BENCH.format("claim"),
        }
    )
    assert found.cases == ("bench_good.py::bench_good",)
    assert found.skipped["in/bench_level.py"] == "no GPU"
    assert "no_such_package" in found.skipped["bench_skip.py"]
    assert found.broken["bench_import.py"] == (
        "bench_import.py:2: ModuleNotFoundError: No module named 'no_such_package'"
    )
    assert "bench_claim.py:3: what @claim states must be literals" in found.broken["bench_claim.py"]
    assert len(found.skipped) == len(found.broken) == 2


def test_why_a_file_has_no_case() -> None:
    """What became of the file itself, or of a folder that it is in."""
    found = Collected(broken={"a/b": "no fixture", "x.py": "no torch"}, skipped={"y.py": "no GPU"})
    assert found.why_absent("a/b/c/bench_d.py") == ("failed", "no fixture")
    assert found.why_absent("x.py") == ("failed", "no torch")
    assert found.why_absent("y.py") == ("skipped", "no GPU")
    assert found.why_absent("a/bench_d.py") is None
    assert Collected(broken={".": "no conftest"}).why_absent("a/b.py") == ("failed", "no conftest")
    assert Collected.of(found.message()) == found
