"""Worker processes from the outside: how they ended, stopping and ending them, and torch's news of their
death kept back.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import process as processes
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from harness.loading.errors.messages import dead_worker

LAST_WAIT = 5.0
"""Seconds that a killed worker gets to be gone."""


STOPPING = 1.0
"""Seconds that a process gets to be seen stopped: one that waits for a disk stops when the disk answers."""


@contextmanager
def sigchld_blocked() -> Iterator[None]:
    """Keep torch from reporting dead children until the end.

    Torch raises an error in the main thread as soon as a worker dies, wherever that thread is. In
    the middle of a clean-up, the rest of the clean-up would be skipped.
    """
    before = signal.getsignal(signal.SIGCHLD)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _silence()
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def _silence() -> None:
    """Remove torch's handler. Python first calls it for a signal that has already arrived, so
    removing it may raise.
    """
    while True:
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        except RuntimeError as news:
            if dead_worker(news) is None:
                raise
        else:
            return


def dead_workers() -> dict[int, int]:
    """Exit codes of the worker processes that failed, by process id, of those that are still referenced.

    Only the list of all process objects knows the ones that were waited for already.
    """
    codes: dict[int, int] = {}
    for process in list(getattr(processes, "_dangling", ())):
        with suppress(ValueError):  # closed
            if process.pid is not None and process.exitcode:
                codes[process.pid] = process.exitcode
    return codes


def await_one(workers: Iterable[BaseProcess], seconds: float) -> None:
    """Wait until one of them has ended, or so many seconds."""
    ending = {process.sentinel: process for process in workers}
    for sentinel in wait(list(ending), seconds) if ending else ():
        # What it held is closed, its exit code comes a moment later.
        ending[sentinel].join(seconds)  # type: ignore[index]


def end(workers: Iterable[BaseProcess]) -> None:
    """Kill processes and wait until they are gone, for each of them a while at the most."""
    ending = list(workers)
    for process in ending:
        process.kill()
    for process in ending:
        process.join(LAST_WAIT)


def stop(workers: Iterable[BaseProcess]) -> None:
    """Stop processes where they are, and wait until the kernel shows that they are."""
    waited_for = [process.pid for process in workers if _signal(process, signal.SIGSTOP)]
    until = time.monotonic() + STOPPING
    while time.monotonic() < until and any(_runs(pid) for pid in waited_for if pid is not None):
        time.sleep(1e-3)


def go_on(workers: Iterable[BaseProcess]) -> None:
    """Let stopped processes go on; others do so anyway."""
    for process in workers:
        _signal(process, signal.SIGCONT)


def _signal(process: BaseProcess, number: signal.Signals) -> bool:
    """Whether there was a living process to send it to."""
    if process.pid is None or not process.is_alive():
        return False
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)
        return True
    return False


def _runs(pid: int) -> bool:
    """Whether a process has neither stopped nor ended; False where the kernel does not show it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "TtZX"
