"""Worker processes from the outside: how they ended, ending them, and torch's news of their death
kept back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import process as processes
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from harness.loading.errors.messages import dead_worker

LAST_WAIT = 5.0
"""Seconds that a killed worker gets to be gone."""


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
