"""Real processes for tests: what state they are in, and waiting for them without sleeping."""

from __future__ import annotations

import gc
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE = 300.0
"""Seconds after which a test gives up on a process: where the code is right nothing takes that long, on busy
machines neither."""

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def python(script: str, *arguments: str) -> list[str]:
    """The command that runs a script in this interpreter."""
    return [sys.executable, "-c", script, *arguments]


def state(pid: int) -> str:
    """The kernel's letter for a process: R, S, D, T (stopped), Z (dead, not reaped); nothing where it is
    gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def gone(pid: int) -> bool:
    """Wait for a process to end (a zombie has ended). False where it does not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE)[0])
    finally:
        os.close(handle)


def until(true: Callable[[], bool]) -> bool:
    """Give way to other processes until something is true of them. False where it never is."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)  # not only a yield: on one core this would be a busy neighbour of who is waited for
    return True


def stopped(*pids: int) -> bool:
    """Whether all of these come to be stopped."""
    return until(lambda: all(state(pid) == "T" for pid in pids))


def going(*pids: int) -> bool:
    """Whether all of these come to be alive and not stopped."""
    return until(lambda: all(state(pid) in "RSD" and state(pid) for pid in pids))


@dataclass(frozen=True, slots=True)
class Alive:
    """The children and the threads of this process, including those that other tests left."""

    processes: frozenset[psutil.Process]
    threads: frozenset[threading.Thread]


def alive() -> Alive:
    """What there is now."""
    return Alive(frozenset(psutil.Process().children()), frozenset(threading.enumerate()))


def since(before: Alive) -> list[psutil.Process | threading.Thread]:
    """What there is now, was not before and does not end by itself.

    A process counts at once. A library ends its thread without waiting for it (DALI when its context is
    freed, torch when a queue is closed), so that a thread counts only where it goes on.
    """
    now = alive()
    threads = now.threads - before.threads
    if threads:
        gc.collect()  # a context in the reference cycle of an error is not freed before
    for thread in threads:
        thread.join(PATIENCE)
    return [*(now.processes - before.processes), *(thread for thread in threads if thread.is_alive())]
