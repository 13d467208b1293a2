"""The pytest plug-in: benchmark files become tests, and the `compare` fixture measures them.

Nothing here imports torch until a benchmark does. Three ways in: plain pytest (one invocation, times, no
verdict; shown through pytest-benchmark where that is installed), a process driven by ``python -m harness``
(which sends it a plan over a channel; it records what it measures), and a process (one variant of one case,
taking turns).
"""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Callable, Generator
from contextlib import nullcontext
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.claims.file import PATTERN, PREFIX
from harness.measure.process_state import restoring
from harness.model import FIXTURE, Measurement, benchmark_of
from harness.plugin.asv import AsvFile, is_asv
from harness.plugin.benchmark import BenchmarkFixture, MeasuredCall, seed_everything
from harness.plugin.collection import (
    DRIVEN,
    BenchmarkFile,
    benchmark_file,
    case_of,
    claim_of,
    empty_parameters,
    is_driven,
    is_test_file,
    place_of,
    problem_of,
    root_of,
)
from harness.plugin.driven import POISONED, DrivenSession
from harness.plugin.fixture import Compare
from harness.plugin.foreign import ForeignHooks
from harness.plugin.reasons import reason_of
from harness.plugin.session import Session, plain, side_by_side
from harness.plural import counted
from harness.processes.launch import RUNNING_VARIABLE
from harness.processes.live import Channel

if TYPE_CHECKING:
    import torch

NOT_TIMED = "tipbench: not timed"
"""The property of a report on a benchmark that was only checked."""

LONGEST_VARIABLE = 10_000
"""Characters of a variable that is still left as it is; Linux starts no process with one of 128 KiB."""

SESSION = pytest.StashKey[Session]()
COLLECTED = pytest.StashKey[list[pytest.Item]]()

DESELECTED = (
    "deselected by a hook (pytest_collection_modifyitems) of the repository's conftest.py or of a plug-in"
)
"""Why a benchmark is not among those that pytest is about to run, though its file has it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options for people, one for our own processes."""
    group = parser.getgroup("tipbench", "benchmarks of PyTorch performance tips")
    group.addoption(
        "--harness-device", default="auto", choices=("auto", "cpu", "cuda"), help="where benchmarks run"
    )
    group.addoption(
        "--harness-data", metavar="FOLDER", help="an ImageFolder to load instead of generated images"
    )
    group.addoption(
        "--harness-root", help="the folder that cases are named relative to (default: benchmarks)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Find out whether another process drives this session."""
    channel = Channel.inherited()
    config.stash[SESSION] = DrivenSession(channel) if channel else plain(config)
    if channel is not None:
        config.pluginmanager.register(ForeignHooks(), "tipbench-foreign-hooks")
        config.pluginmanager.register(BenchmarkFixture(), DRIVEN)
        config.addinivalue_line("markers", "benchmark: of pytest-benchmark")
    # By its entry point's name, or by its module's where it was named with -p.
    shown = any(config.pluginmanager.hasplugin(name) for name in ("benchmark", "pytest_benchmark.plugin"))
    if channel is None and shown:
        from harness.plugin import view

        config.pluginmanager.register(view.View(), "tipbench-view")
    else:
        config.pluginmanager.register(PlainFixture(), "tipbench-bare")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect a benchmark file in a folder that was named; pytest itself finds test files, and files
    named."""
    return benchmark_file(file_path, parent)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Of a benchmark file that pytest found itself, collect the benchmarks, and the tests where it may have
    some."""
    if is_driven(parent.config) and is_asv(module_path):
        suite: AsvFile = AsvFile.from_parent(parent, path=module_path)
        return suite
    if not fnmatch(module_path.name, PATTERN):
        return None
    file: BenchmarkFile = BenchmarkFile.from_parent(parent, path=module_path)
    file.has_tests = is_test_file(parent.config, module_path)
    return file


def pytest_itemcollected(item: pytest.Item) -> None:
    """Remember what a file has, of which hooks of others may leave something out."""
    item.config.stash.setdefault(COLLECTED, []).append(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have the driver choose the cases to measure, and their order."""
    driver = config.stash[SESSION]
    if isinstance(driver, DrivenSession):
        here = {case_of(item): item for item in items if claim_of(item) and not empty_parameters(item)}
        known = {benchmark_of(case) for case in here}
        for item in config.stash.get(COLLECTED, ()):
            if claim_of(item) and (function := benchmark_of(case_of(item))) not in known:
                empty = empty_parameters(item)
                driver.removed(function, f"its list of values for {empty} is empty" if empty else DESELECTED)
        apart = {case for case, item in here.items() if (claim := claim_of(item)) and claim.apart}
        chosen = driver.choose(here, apart)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason, what this machine lacks."""
    claim = claim_of(item)
    if claim is None:
        return
    session = item.config.stash[SESSION]
    session.begin(case_of(item))
    if claim.fixture == FIXTURE:
        seed_everything(case_of(item))
    for need in claim.needs:
        if need == "cuda":
            import torch

            if session.device().type != "cuda":
                why = "--device cpu was requested" if torch.cuda.is_available() else "no CUDA device here"
                pytest.skip(f"needs a CUDA GPU; {why}")
        elif importlib.util.find_spec(need) is None:
            pytest.skip(f"needs the package {need}, which is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What a benchmark changes for others in its process lasts no longer than itself; what its fixtures set
    stays."""
    session = item.config.stash[SESSION]
    driven = isinstance(session, DrivenSession) and claim_of(item) is not None
    with restoring(lambda: os._exit(POISONED)) if driven else nullcontext():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Cut a case's name in the environment where no process could be started with it."""
    name = os.environ.get(RUNNING_VARIABLE, "")
    if claim_of(pyfuncitem) is not None and len(name) > LONGEST_VARIABLE:
        os.environ[RUNNING_VARIABLE] = f"{name[:LONGEST_VARIABLE]}..."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the driver know of a benchmark that ended without a measurement."""
    report = yield
    claim = claim_of(item)
    session = item.config.stash[SESSION]
    if claim is not None and report.passed and report.when == "call":
        session.passed(case_of(item), claim)
    elif claim is not None and not report.passed:
        skipped = call.excinfo is not None and report.skipped
        reason = reason_of(call.excinfo.value) if call.excinfo else "it failed"
        if call.excinfo is not None and not skipped:
            session.raised(call.excinfo.value)
        session.without_measurement(case_of(item), claim, skipped=skipped, reason=reason)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let the driver know which file is imported, and of one that cannot be, or that skips itself as a
    whole."""
    session = collector.config.stash[SESSION]
    if isinstance(collector, pytest.Module):
        session.imports(place_of(collector))
    report = yield
    if isinstance(collector, pytest.Module):
        session.imports("")
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)
    if call is not None and call.excinfo is not None:
        reason = reason_of(call.excinfo.value)
        if not report.skipped:
            session.raised(call.excinfo.value)
        session.not_collected(place_of(collector), skipped=report.skipped, reason=reason)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what the session started."""
    session.config.stash[SESSION].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print once that nothing was timed, where benchmarks ran side by side."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    checked = sum(
        (NOT_TIMED, True) in map(tuple, report.user_properties)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
    )
    if checked:
        terminalreporter.write_line(
            f"tipbench: {counted(checked, 'benchmark')} ran once each to check that variants agree, and nothing was "
            "timed, because pytest-xdist runs tests side by side; to time them: pytest -n 0 benchmarks"
        )


def compare_for(
    request: pytest.FixtureRequest, finished: Callable[[Measurement], None] | None = None
) -> Compare:
    """The fixture's value for the item that asks for it."""
    claim = claim_of(request.node)
    if claim is None and (problem := problem_of(request.node)):
        pytest.fail(problem, pytrace=False)
    if claim is None:
        raise pytest.UsageError(
            f"the compare fixture is for functions {PREFIX}* in files {PATTERN}; {request.node.nodeid} is not one"
        )
    item = request.node
    if side_by_side(item.config):
        item.user_properties.append((NOT_TIMED, True))
    root = root_of(item.config, item.path)
    return Compare(
        case_of(item),
        claim,
        request.config.stash[SESSION],
        str(item.path),
        root,
        finished,
        again=_caller(item),
    )


def benchmark_for(request: pytest.FixtureRequest) -> MeasuredCall:
    """The value of the fixture ``benchmark`` for the item that asks for it, in a driven session."""
    item, session = request.node, request.config.stash[SESSION]
    claim = claim_of(item)
    assert isinstance(session, DrivenSession)
    if claim is None:
        pytest.fail(f"{item.nodeid} uses the fixture {FIXTURE} in a way that its signature does not show")
    return MeasuredCall(item, case_of(item), claim, session, root_of(item.config, item.path))


def _caller(item: pytest.Function) -> Callable[[Compare], object] | None:
    """What calls an item's function with another `Compare` and what its fixtures gave it; None if it takes
    none."""
    names = inspect.signature(item.obj).parameters
    if "compare" not in names:
        return None

    def call(compare: Compare) -> object:
        given = {name: item.funcargs[name] for name in names if name in item.funcargs}
        return item.obj(**given | {"compare": compare})

    return call


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where the benchmark runs."""
    return request.config.stash[SESSION].device()


class PlainFixture:
    """The compare fixture without pytest-benchmark's view."""

    @pytest.fixture
    def compare(self, request: pytest.FixtureRequest) -> Compare:
        """Measures the variants it is called with."""
        return compare_for(request)
