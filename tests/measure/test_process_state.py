"""What a benchmark may change for others in its process: each thing is seen, named and put back."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest
import torch

from harness.measure import process_parts
from harness.measure.process_state import ProcessState, restoring

Change = Callable[[], object]


CHANGES: dict[str, Change] = {
    "working folder": lambda: os.chdir("/"),
    "umask (022 -> 077)": lambda: os.umask(0o077),
    "signal handlers (": lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
    "blocked signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]),
    "environment variables (HARNESS_NEW)": lambda: os.environ.update(HARNESS_NEW="1"),
    "sys.path": lambda: sys.path.insert(0, "/nowhere"),
    "clock of the module time (perf_counter)": lambda: setattr(time, "perf_counter", time.monotonic),
    "processes in sessions of their own (1 more)": lambda: subprocess.Popen(
        ["sleep", "600"], start_new_session=True
    ),
    "threads of torch": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "default dtype (torch.float32 -> torch.float64)": lambda: torch.set_default_dtype(torch.float64),
    "grad mode (True -> False)": lambda: torch.set_grad_enabled(False),
    "deterministic algorithms (False -> True)": lambda: torch.use_deterministic_algorithms(True),
    "precision of float32 products": lambda: torch.set_float32_matmul_precision("medium"),
    "cudnn.benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", True),
}


@pytest.mark.parametrize("words", CHANGES)
def test_what_is_changed_is_named_and_put_back(words: str) -> None:
    """And nothing else is: of a process that was left, nothing goes on."""
    os.umask(0o022)
    before = ProcessState()
    assert before.warnings() == ()
    try:
        CHANGES[words]()
        (warning,) = before.warnings()
        assert warning.detail.startswith(words)
        assert len(before.changes()) == 1
    finally:
        assert before.restore()
    assert ProcessState().changes() == before.changes() == {}


def test_what_libraries_do_when_they_are_first_used_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile sets variables of its own, and has setuptools append a folder to the path."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = ProcessState()
    monkeypatch.setenv("_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR", "16")
    sys.path.append("/vendored")
    assert before.changes() == {}
    sys.path.remove("/vendored")
    sys.path.pop()
    assert before.changes() == {"sys.path": ""}


def test_the_limit_of_a_resource_is_put_back() -> None:
    """As far as the hard limit lets it."""
    before = ProcessState()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[0] - 1, limit[1]))
    assert before.changes() == {"limits of resources": "RLIMIT_NOFILE"}
    assert before.restore()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limit


def test_what_cannot_be_put_back_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that goes on, and many open files: others would be measured beside them."""
    monkeypatch.setattr(process_parts, "SETTLING", 0.0)
    done, given_up = threading.Event(), []
    with restoring(lambda: given_up.append("thread")):
        thread = threading.Thread(target=done.wait)
        thread.start()
    done.set()
    thread.join()
    with restoring(lambda: given_up.append("files")):
        files = [open(os.devnull) for _ in range(process_parts.MANY_FILES + 1)]  # noqa: PTH123, SIM115
    for file in files:
        file.close()
    with restoring(lambda: given_up.append("nothing")):
        pass
    assert given_up == ["thread", "files"]


def test_shared_memory_with_a_name_is_removed() -> None:
    """It would outlive the process, whose tracker of such blocks may be killed with it."""
    before = ProcessState()
    block = SharedMemory(create=True, size=64)
    try:
        assert before.changes() == {"shared memory": block.name}
        assert before.restore()
        assert not Path("/dev/shm", block.name).exists()
    finally:
        block.close()
        resource_tracker.unregister(f"/{block.name}", "shared_memory")


@pytest.mark.parametrize("ends", [True, False])
def test_a_forked_copy_is_named_and_ends_the_process(ends: bool) -> None:
    """Whether it goes on, or has ended and was not waited for. The copy itself puts nothing back."""
    given_up: list[str] = []
    reading, writing = os.pipe()
    with restoring(lambda: given_up.append("copy")):
        before = ProcessState()
        child = os.fork()
        if not child:
            if not ends:
                os.close(writing)
                os.read(reading, 1)
            os._exit(0)
        if ends:
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert before.changes() == {"forked processes": "1 more"}
    os.write(writing, b"x")
    os.waitpid(child, 0)
    for end in (reading, writing):
        os.close(end)
    assert given_up == ["copy"]


def test_threads_have_time_to_end() -> None:
    """One that is about to is not left."""
    before = ProcessState()
    threading.Thread(target=lambda: None).start()
    assert before.changes() == {}


def test_libraries_set_variables_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch sets some when its compiler is first needed; they are no benchmark's."""
    before = ProcessState()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "somewhere")
    assert before.changes() == {}


def test_a_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case may remove the folder that it has changed into; the process goes back all the same."""
    before = ProcessState()
    here = Path.cwd()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert before.changes() == {"working folder": f"{here} -> removed"}
    assert before.restore()
    assert Path.cwd() == here
