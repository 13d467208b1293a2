"""What all tests share: no test depends on how fast the machine is, those that hypothesis generates
included."""

import atexit
import gc
import multiprocessing.util
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

with suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    # A shell's background job is deaf to Ctrl-C, and so would be all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Objects that are still frozen at the end are reported as leaked by Triton.
atexit.register(gc.unfreeze)

ROOT = Path(__file__).resolve().parents[1]

OTHERS = (
    # Tests may run side by side; a pytest that one of them starts is nobody's worker, and has options of its
    # own.
    "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID", "PYTEST_ADDOPTS", "PYTEST_PLUGINS",
    # What is written does not depend on where the tests run: on whose terminal, or in whose CI.
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "LINES", "TERM",
    "TTY_COMPATIBLE", "TTY_INTERACTIVE",
    "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TIPBENCH_NOX", "TIPBENCH_CHANNEL", "TIPBENCH_TEMPORARY",
)  # fmt: skip
"""Environment variables that are not for what the tests start and call."""

for name in OTHERS:
    os.environ.pop(name, None)

# A thread of OpenMP's that has nothing to do waits without spinning: cores are for tests that have something
# to do.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

LONGEST = (
    "test_end_to_end.py",
    "test_builds.py",
    "test_tune.py",
    "test_gate_run.py",
    "test_plugin.py",
    "test_worker.py",
)
"""Files that take longest: they come first, so that no worker is left with one of them at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, but where somebody asks for a random order."""
    if config.getoption("--shuffle", None) is None:
        items.sort(
            key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
        )


def pytest_collection_finish() -> None:
    """What was imported stays: garbage is collected before blocks, and need not be looked for there each
    time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish(location: tuple[str, int | None, str]) -> None:
    """A DALI pipeline in a reference cycle is freed where it was made, after its test.

    Otherwise garbage collection may free it in a process that a later test forks. There its threads do not
    exist, and freeing it hangs or crashes. A collection takes time, so only files that name DALI have one.
    """
    if "nvidia.dali.pipeline" in sys.modules and _names_dali(location[0]):
        gc.collect()
        if not _frozen:
            # What DALI imported stays; later collections need not look at it.
            gc.freeze()
            _frozen.append(True)


@cache
def _names_dali(file: str) -> bool:
    try:
        return "dali" in (ROOT / file).read_text(encoding="utf-8").lower()
    except OSError:
        return True


_frozen: list[bool] = []


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of the real thing need the real thing."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")


@pytest.fixture(scope="module")
def set_aside() -> None:
    """What earlier tests left is set aside, as measuring processes do: measurements collect garbage before
    blocks."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def own_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Temporary files of a test whose workers die lie in a folder that goes with it.

    torch raises from its handler of SIGCHLD. While a DataLoader looks for the cause of an error it makes
    temporary files; when a second worker dies in that moment, a file is made that nothing removes.
    """
    # Made when they are first needed and kept for all tests, so not in that folder.
    multiprocessing.util.get_temp_dir()
    tmp_path_factory.getbasetemp()
    cache = os.environ.get("TORCHINDUCTOR_CACHE_DIR", f"{tempfile.gettempdir()}/torchinductor_tests")
    with tempfile.TemporaryDirectory(prefix="tipbench-test-") as folder, monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", cache)  # torch would keep that folder's name for later tests
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Arithmetic on one thread: on a busy machine the others only spin."""
    from harness.loading.machine import threads

    with threads.one_thread():
        yield


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Chromium for a file's tests: its processes and threads are not there while other tests count
    theirs."""
    from tests.support.browsing import chromium

    driver = chromium(tmp_path_factory.mktemp("profile"))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """The browser, with an empty page afterwards: one that is left open would go on drawing beside all other
    tests."""
    yield chromium
    chromium.get("about:blank")
