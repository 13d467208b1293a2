"""What of a process must outlast a case: how each thing is read, what counts as a change, and how it is put
back."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import ne
from pathlib import Path
from threading import Thread
from typing import Any

SETTLING = 1.0
"""Seconds that threads may take to end by themselves."""

STARTING = 0.02
"""Seconds after which a process that was started is no copy of this one any more."""

MANY_FILES = 64
"""Files that a case may leave open: libraries keep some."""

_POOLED = ("ThreadPoolExecutor", "asyncio", "MainThread")
_LIMITS = {
    name: getattr(resource, name)
    for name in dir(resource)
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"
}
_CLOCKS = ("perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time")
_SET_BY_LIBRARIES = ("PYTEST_", "TORCH", "_TORCH", "TRITON_", "CUDA_", "KINETO_", "NVIDIA_", "KMP_")
"""Beginnings of variables that pytest and torch set themselves, when they first need them."""

_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD})
"""torch handles SIGCHLD itself from its first loader with workers on."""


@dataclass(frozen=True, slots=True)
class ProcessPart:
    """One of these things: how it is read and, where it can be, put back; how a change reads, and what counts
    as one."""

    read: Callable[[], Any]
    restore: Callable[[Any], object] | None = None
    shown: Callable[[Any, Any], str] = lambda before, after: f"{before} -> {after}"
    differs: Callable[[Any, Any], bool] = ne


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return "removed"


def _change_folder(before: str) -> None:
    if before != "removed":
        os.chdir(before)


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_SET_BY_LIBRARIES)}


def _set_variables(before: Mapping[str, str]) -> None:
    for name in _variables().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _set_handlers(before: Mapping[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _set_clocks(before: Mapping[str, Any]) -> None:
    for name, clock in before.items():
        setattr(time, name, clock)


def _streams() -> list[tuple[int, int] | None]:
    """The files behind standard input, output and error; None for what is closed."""
    found: list[tuple[int, int] | None] = []
    for descriptor in range(3):
        try:
            status = os.fstat(descriptor)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino))
    return found


def _children() -> Iterator[int]:
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # it ended meanwhile
            yield from map(int, file.read_text().split())


def _sessions() -> set[int]:
    """Children that have left the session of this process: ending its group does not reach them."""
    own, found = os.getsid(0), set()
    for pid in _children():
        with suppress(OSError):
            if os.getsid(pid) != own:
                found.add(pid)
    return found


def _forked() -> set[int]:
    """Copies of this process, and children that ended and were not waited for: those have no command line."""
    return {pid for pid in _children() if _copied(pid)}


def _more_copies(before: set[int], now: set[int]) -> bool:
    """Whether there are more that stay copies: what has just been started still looks like this process."""
    if more := now - before:
        time.sleep(STARTING)
    return any(map(_copied, more))


def _copied(pid: int) -> bool:
    its = _of(pid, "cmdline")
    return its == _of(os.getpid(), "cmdline") or (not its and _of(pid, "comm") == _of(os.getpid(), "comm"))


def _of(pid: int, what: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{what}").read_text()
    return ""


def _end_sessions(before: set[int]) -> None:
    for pid in _sessions() - before:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _threads() -> set[Thread]:
    """Threads that Python code has started; pools keep theirs for the next time."""
    return {each for each in threading.enumerate() if not each.name.startswith(_POOLED)}


def _go_on(before: set[Thread], now: set[Thread]) -> bool:
    """Whether new threads go on, after a time to end by themselves."""
    end = time.monotonic() + SETTLING
    for thread in now - before:
        thread.join(max(0.0, end - time.monotonic()))
    return any(thread.is_alive() for thread in now - before)


def _limits() -> dict[str, tuple[int, int]]:
    return {name: resource.getrlimit(number) for name, number in _LIMITS.items()}


def _set_limits(before: Mapping[str, tuple[int, int]]) -> None:
    for name, limits in before.items():
        with suppress(OSError, ValueError):  # a hard limit that was lowered cannot be raised again
            resource.setrlimit(_LIMITS[name], limits)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _shared_memory() -> set[Path]:
    """Blocks of shared memory that this process has open and that have a name: they outlive it."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            found.add(descriptor.readlink())
    return {path for path in found if path.parent == Path("/dev/shm") and path.exists()}


def _remove_shared_memory(before: set[Path]) -> None:
    for path in _shared_memory() - before:
        path.unlink(missing_ok=True)


def _differing(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> str:
    names = [
        str(name) for name in {**before, **after} if before.get(name, _ABSENT) != after.get(name, _ABSENT)
    ]
    return " ".join(sorted(names)[:5])


def _named_signals(before: Mapping[int, Any], after: Mapping[int, Any]) -> str:
    numbers = [number for number in before if before[number] != after.get(number, _ABSENT)]
    return " ".join(signal.strsignal(number) or str(number) for number in numbers)


def _set_path(before: list[str]) -> None:
    sys.path[:] = before


_ABSENT = object()
PARTS = {
    "working folder": ProcessPart(_folder, _change_folder),
    "umask": ProcessPart(_umask, os.umask, lambda before, after: f"{before:03o} -> {after:03o}"),
    "signal handlers": ProcessPart(
        lambda: {number: signal.getsignal(number) for number in _SIGNALS}, _set_handlers, _named_signals
    ),
    "blocked signals": ProcessPart(
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda before: signal.pthread_sigmask(signal.SIG_SETMASK, before),
        lambda *_: "",
    ),
    "environment variables": ProcessPart(_variables, _set_variables, _differing),
    # Libraries append folders of their own: setuptools does when torch compiles.
    "sys.path": ProcessPart(
        lambda: [*sys.path], _set_path, lambda *_: "", lambda before, now: now[: len(before)] != before
    ),
    "clock of the module time": ProcessPart(
        lambda: {name: getattr(time, name) for name in _CLOCKS}, _set_clocks, _differing
    ),
    "standard streams": ProcessPart(_streams, None, lambda *_: ""),
    "limits of resources": ProcessPart(_limits, _set_limits, _differing),
    "open files": ProcessPart(_open_files, differs=lambda before, now: now - before > MANY_FILES),
    "threads": ProcessPart(_threads, None, lambda before, now: f"{len(now - before)} more", _go_on),
    "forked processes": ProcessPart(
        _forked, None, lambda before, now: f"{sum(map(_copied, now - before))} more", _more_copies
    ),
    "shared memory": ProcessPart(
        _shared_memory,
        _remove_shared_memory,
        lambda before, now: " ".join(path.name for path in sorted(now - before)[:5]),
        lambda before, now: bool(now - before),
    ),
    "processes in sessions of their own": ProcessPart(
        _sessions, _end_sessions, lambda before, after: f"{len(after - before)} more"
    ),
}


def parts_of_torch() -> dict[str, ProcessPart]:
    """The flags of torch that cost or change most; none where nothing has imported torch."""
    if (torch := sys.modules.get("torch")) is None:
        return {}
    backends = torch.backends.cudnn
    found = {
        "threads of torch": ProcessPart(torch.get_num_threads, torch.set_num_threads),
        "default dtype": ProcessPart(torch.get_default_dtype, torch.set_default_dtype),
        "grad mode": ProcessPart(torch.is_grad_enabled, torch.set_grad_enabled),
        "deterministic algorithms": ProcessPart(
            torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
        ),
        "precision of float32 products": ProcessPart(
            torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        ),
    }
    for name in ("enabled", "benchmark", "deterministic"):
        found[f"cudnn.{name}"] = ProcessPart(
            partial(getattr, backends, name), partial(setattr, backends, name)
        )
    return found
