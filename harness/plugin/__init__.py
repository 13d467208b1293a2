"""The pytest plug-in: benchmark files become tests, and the `contest` fixture measures them.

Nothing here imports torch until a benchmark does. Three ways in: plain pytest (one invocation, times, no verdict; shown
through pytest-benchmark where that is installed), a process driven by ``python -m harness`` (it says over a channel
what to measure, and records it), and a seat (one variant of one case, taking turns).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Generator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from harness.claims import PATTERN, PREFIX, read_file
from harness.model import Claim
from harness.plugin.driven import Driven
from harness.plugin.fixture import Contest
from harness.plugin.session import Session, plain
from harness.processes import Channel

SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options for people, one for our own processes."""
    group = parser.getgroup("tipbench", "benchmarks of PyTorch performance tips")
    group.addoption("--harness-device", default="auto", choices=("auto", "cpu", "cuda"), help="where benchmarks run")
    group.addoption("--harness-data", metavar="FOLDER", help="an ImageFolder to load instead of generated images")
    group.addoption("--harness-root", help="the folder that cases are named relative to (default: benchmarks)")


def pytest_configure(config: pytest.Config) -> None:
    """Find out who drives this session."""
    channel = Channel.inherited()
    config.stash[SESSION] = Driven(channel) if channel else plain(config)
    # By its entry point's name, or by its module's where it was named with -p.
    shown = any(config.pluginmanager.hasplugin(name) for name in ("benchmark", "pytest_benchmark.plugin"))
    if channel is None and shown:
        from harness.plugin import view

        config.pluginmanager.register(view.View(), "tipbench-view")
    else:
        config.pluginmanager.register(Bare(), "tipbench-bare")


class BenchmarkFile(pytest.Module):
    """A file of benchmarks: its functions start with ``bench_``."""

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function of this name is a benchmark."""
        return name.startswith(PREFIX)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect a benchmark file where the command line named it or a folder of benchmarks it is in.

    A bare ``pytest`` in a repository's root runs its tests, not hours of benchmarks.
    """
    config = parent.config
    if not fnmatch(file_path.name, PATTERN) or any(fnmatch(file_path.name, p) for p in config.getini("python_files")):
        return None
    for argument in config.args:
        named = (config.invocation_params.dir / argument.split("::")[0]).resolve()
        if named != config.rootpath and (named == file_path or named in file_path.parents):
            return BenchmarkFile.from_parent(parent, path=file_path)
    return None


def root_of(config: pytest.Config, path: Path) -> Path:
    """The folder that cases in ``path`` are named relative to."""
    stated = config.getoption("--harness-root")
    if stated:
        return Path(stated).resolve()
    return next((folder for folder in path.parents if folder.name == "benchmarks"), path.parent)


def case_of(item: pytest.Item) -> str:
    """The name of an item's case: ``<path under the root>::<function>[<parameters>]``."""
    return f"{item.path.relative_to(root_of(item.config, item.path)).as_posix()}::{item.name}"


_claims: dict[Path, dict[str, Claim]] = {}


def claim_of(item: pytest.Item) -> Claim | None:
    """The claim an item tests, or None where the item is no benchmark."""
    if not fnmatch(item.path.name, PATTERN) or not isinstance(item, pytest.Function):
        return None
    if item.path not in _claims:
        _claims[item.path] = {c.function: c for c in read_file(item.path, root_of(item.config, item.path))}
    return _claims[item.path].get(item.originalname)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask the driver which of the cases to measure, and in what order."""
    driver = config.stash[SESSION]
    if isinstance(driver, Driven):
        chosen = driver.choose({case_of(item): item for item in items if claim_of(item)})
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason, what this machine lacks."""
    claim = claim_of(item)
    if claim is None:
        return
    session = item.config.stash[SESSION]
    session.begin(case_of(item))
    for need in claim.needs:
        if need == "cuda":
            import torch

            if session.device().type != "cuda":
                asked = "--device cpu was asked for" if torch.cuda.is_available() else "no CUDA device here"
                pytest.skip(f"needs a CUDA GPU; {asked}")
        elif importlib.util.find_spec(need) is None:
            pytest.skip(f"needs the package {need}, which is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the driver know of a benchmark that ended without a measurement."""
    report = yield
    claim = claim_of(item)
    if claim is not None and not report.passed:
        skipped = call.excinfo is not None and report.skipped
        reason = str(call.excinfo.value) if skipped and call.excinfo else _failure(call)
        item.config.stash[SESSION].without_measurement(case_of(item), claim, skipped=skipped, reason=reason)
    return report


def _failure(call: pytest.CallInfo[None]) -> str:
    from harness.contest.failure import failure

    return failure(call.excinfo.value) if call.excinfo else "it failed"


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember files that could not be imported."""
    if report.failed and isinstance(report, pytest.CollectReport):
        lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
        Driven.broken[report.nodeid] = lines[-1].removeprefix("E ").strip() if lines else "it cannot be imported"


def contest_for(request: pytest.FixtureRequest, finished: Any = None) -> Contest:
    """The fixture's value for the item that asks for it."""
    claim = claim_of(request.node)
    if claim is None:
        raise pytest.UsageError(
            f"the contest fixture is for functions {PREFIX}* in files {PATTERN}; {request.node.nodeid} is none"
        )
    item = request.node
    root = root_of(item.config, item.path)
    return Contest(case_of(item), claim, request.config.stash[SESSION], f"{item.path}::{item.name}", root, finished)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Any:
    """Where the benchmark runs: a ``torch.device``."""
    return request.config.stash[SESSION].device()


class Bare:
    """The contest fixture where nobody looks through pytest-benchmark."""

    @pytest.fixture
    def contest(self, request: pytest.FixtureRequest) -> Contest:
        """Measures the variants it is called with."""
        return contest_for(request)
