"""Real processes for tests: what state they are in, and waiting for them without sleeping."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

PATIENCE = 20.0
"""Seconds after which a test gives up on a process; nothing takes that long where the code is right."""

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def python(script: str, *arguments: str) -> list[str]:
    """The command that runs a script in this interpreter."""
    return [sys.executable, "-c", script, *arguments]


def state(pid: int) -> str:
    """The kernel's letter for a process: R, S, D, T (stopped), Z (dead, not reaped); nothing where it is gone."""
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
    end = monotonic() + PATIENCE
    while not true():
        if monotonic() > end:
            return False
        os.sched_yield()
    return True


def stopped(*pids: int) -> bool:
    """Whether all of these come to be stopped."""
    return until(lambda: all(state(pid) == "T" for pid in pids))


def going(*pids: int) -> bool:
    """Whether all of these come to be alive and not stopped."""
    return until(lambda: all(state(pid) in "RSD" and state(pid) for pid in pids))
