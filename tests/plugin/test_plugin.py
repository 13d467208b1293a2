"""The plug-in under plain pytest, and the view through pytest-benchmark."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import plugin
from harness.model import Claim
from harness.plugin.fixture import KEYWORDS, Compare
from harness.plugin.session import Session, plain, side_by_side
from harness.processes.launch import RUNNING_VARIABLE
from tests.support.living import PATIENCE, ROOT

BENCHMARK = '''"""Twice the work takes longer."""
import pytest, torch
from harness import claim, Unavailable

@claim("good", expect="higher")
@pytest.mark.parametrize("side", [48, 96])
def bench_good(compare, side):
    a = torch.rand(side, side)
    compare(baseline=lambda: a @ a, twice=lambda: (a @ a, a @ a)[0], absent=Unavailable("gone"), same=torch.equal)
'''
ALONE = '''"""Only timed."""
import torch
from harness import claim

@claim("alone")
def bench_alone(compare):
    a = torch.rand(48, 48)
    compare(baseline=lambda: a @ a)
'''
LIGHT = '''"""This one imports nothing that takes long."""
import pytest
from harness import claim

@claim("light")
@pytest.mark.parametrize("side", [1, 2, 3])
def bench_light(compare, side):
    compare(baseline=lambda: side, twice=lambda: side, same=lambda a, b: a == b)
'''
WRONG = '''"""Wrong is wrong."""
import torch
from harness import claim

@claim("wrong")
def bench_wrong(compare):
    a = torch.rand(8, 8)
    compare(baseline=lambda: a @ a, wrong=lambda: a, same=torch.equal)
'''


def pytest_in(folder: Path, *arguments: str, plugin: bool = True) -> subprocess.CompletedProcess[str]:
    """pytest in that folder, with our plug-in and pytest-benchmark's and no other."""
    loaded = ["-p", "harness.plugin"] if plugin else []
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "pytest_benchmark.plugin",
            *loaded,
            "-p",
            "no:cacheprovider",
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder whose benchmarks were measured into a JSON file."""
    folder = tmp_path_factory.mktemp("view")
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "bench_good.py").write_text(BENCHMARK)
    (folder / "benchmarks" / "bench_alone.py").write_text(ALONE)
    return folder, pytest_in(folder, "benchmarks", "--benchmark-json", "out.json")


def test_json_has_one_entry_for_each_variant(measured: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The file is pytest-benchmark's own, with the recorded rounds of every variant that was measured."""
    folder, done = measured
    assert done.returncode == 0, done.stdout + done.stderr
    entries = {entry["name"]: entry for entry in json.loads((folder / "out.json").read_text())["benchmarks"]}
    good = {f"bench_good[{side}]{name}" for side in (48, 96) for name in ("", ":twice")}
    assert set(entries) == good | {"bench_alone"}
    for entry in entries.values():
        assert len(entry["stats"]["data"]) == entry["stats"]["rounds"] >= 6
        assert entry["stats"]["min"] == min(entry["stats"]["data"]) > 0
    assert entries["bench_good[96]:twice"]["extra_info"]["variant"] == "twice"
    # Shared extra_info would make every entry the last variant's.
    assert entries["bench_good[96]"]["extra_info"]["variant"] == "baseline"


def test_the_table_shows_every_variant(measured: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """pytest-benchmark's own table has a row for each variant."""
    assert "bench_good[48]:twice" in measured[1].stdout


def test_pytest_benchmark_compare_reads_the_file(
    measured: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """pytest-benchmark's own command compares such a file."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "out.json"],
        cwd=measured[0],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bench_good[96]:twice" in done.stdout


def test_options_of_pytest_benchmark_work(tmp_path: Path) -> None:
    """--benchmark-skip skips benchmarks, --benchmark-disable runs each once, --benchmark-compare-fail is
    refused."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_light.py").write_text(LIGHT)
    assert "3 skipped" in pytest_in(tmp_path, "benchmarks", "--benchmark-skip").stdout
    assert "3 passed" in pytest_in(tmp_path, "benchmarks", "--benchmark-disable").stdout
    refused = pytest_in(tmp_path, "benchmarks", "--benchmark-compare-fail=mean:5%")
    assert refused.returncode != 0
    assert "sees only the baseline" in refused.stdout + refused.stderr


def test_a_wrong_variant_fails_its_test_and_has_no_entry(tmp_path: Path) -> None:
    """Plain pytest is red where variants disagree."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_wrong.py").write_text(WRONG)
    done = pytest_in(tmp_path, "benchmarks", "--benchmark-json", "out.json")
    assert done.returncode == 1
    assert "wrong is wrong" in done.stdout
    entries = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert [entry["name"] for entry in entries] == ["bench_wrong"]


def test_results_to_compare_need_a_rule() -> None:
    """Only a baseline alone goes without ``same``; with a variant the message has what to give."""
    compare = Compare(
        "bench_x.py::bench_x", Claim("X", "a tip", "bench_x.py", "bench_x"), Session(), "x", Path()
    )
    with pytest.raises(TypeError, match=r"bench_x does not say when results agree: give same=, torch.equal"):
        compare(baseline=lambda: 0, tip=lambda: 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"byte": 12000}, r"compare\(byte=12000\): a variant is a callable.*; did you mean bytes=12000\?"),
        (
            {"tip": 3},
            r"compare\(tip=3\): .*; other keywords are same, reference, items, bytes, flops, decoded, ",
        ),
    ],
)
def test_what_is_not_a_variant(given: dict[str, Any], message: str) -> None:
    """A keyword that is misspelt, or a value instead of a callable, is named with the ones there are."""
    compare = Compare(
        "bench_x.py::bench_x", Claim("X", "a tip", "bench_x.py", "bench_x"), Session(), "x", Path()
    )
    with pytest.raises(TypeError, match=message):
        compare(baseline=lambda: 0, same=all, **given)
    parameters = inspect.signature(Compare.__call__).parameters
    assert tuple(name for name in parameters if name not in ("self", "baseline", "variants")) == KEYWORDS


def test_a_bare_pytest_does_not_collect_benchmarks(tmp_path: Path) -> None:
    """In a repository's root plain pytest runs its tests, not its benchmarks."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_wrong.py").write_text(WRONG)
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    done = pytest_in(tmp_path)
    assert done.returncode == 0
    assert "1 passed" in done.stdout


def test_beside_other_workers_nothing_is_timed(tmp_path: Path) -> None:
    """Under pytest-xdist, started by the repository's settings, each case is checked once, and that is
    printed."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_good.py").write_text(BENCHMARK)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -n 1\n")
    done = pytest_in(tmp_path, "-p", "xdist.plugin", "benchmarks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("tipbench:")]
    assert "2 benchmarks ran once each" in line and "pytest -n 0 benchmarks" in line


@pytest.mark.parametrize("worker", [True, False])
def test_effort_beside_other_workers(monkeypatch: pytest.MonkeyPatch, worker: bool) -> None:
    """A worker, or what a test in one starts, plays one block without warming up; any other process
    measures."""
    options = SimpleNamespace(getoption=lambda name, default=None: default)
    monkeypatch.setattr(os, "environ", {"PYTEST_XDIST_WORKER": "gw0"} if worker else {})
    effort = plain(options)._limits  # type: ignore[arg-type]
    assert (effort.fewest_blocks == 1, effort.warmup_limit == 0.0) == (worker, worker)
    assert side_by_side(SimpleNamespace(workerinput={}))  # type: ignore[arg-type]


@pytest.mark.parametrize("ours", [True, False])
def test_the_name_of_a_case_is_cut_where_processes_inherit_it(
    monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    """Linux starts none with a variable of 128 KiB, and pytest has the whole name in one."""
    monkeypatch.setenv(RUNNING_VARIABLE, "x" * 200_000)
    monkeypatch.setattr(plugin, "claim_of", lambda _: Claim("X", "", "x.py", "bench_x") if ours else None)
    plugin.pytest_pyfunc_call(SimpleNamespace())  # type: ignore[arg-type]
    with nullcontext() if ours else pytest.raises(OSError, match="too long"):
        subprocess.run(["true"], check=True)
