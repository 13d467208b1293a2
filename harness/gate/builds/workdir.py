"""The temporary folder of a gate: one for each process, removed with it, also if it is killed.

The process that outlives a killed gate removes its folder. If that one was killed, too, a later gate does.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from harness.gate.builds.repository import Repository
from harness.processes.live import Reaper

PREFIX = "tipbench-gate-"
_LOCK = "lock"
_REPOSITORY = "repository"


_REMOVE = """
import sys
sys.path.insert(0, sys.argv[1])
from harness.gate.builds.workdir import remove
remove(sys.argv[2])
"""


class WorkDir:
    """A folder that is ours as long as we have its lock, and the ``guard`` that removes it if we are
    killed."""

    def __init__(self) -> None:
        ours = str(Path(__file__).resolve().parents[3])
        self.guard = Reaper(f"{PREFIX}{os.getpid()}-", (sys.executable, "-P", "-c", _REMOVE, ours))
        self.folder = self.guard.folder
        try:
            self._lock: IO[bytes] = (self.folder / _LOCK).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError:
            self.guard.close()
            raise

    def serves(self, repository: Repository) -> None:
        """Note whose worktrees are about to be made here, for the gate that has to clean up."""
        (self.folder / _REPOSITORY).write_bytes(os.fsencode(repository.top))

    def remove(self) -> None:
        """Remove everything, worktrees included, and end what is being built there."""
        remove(self.folder)
        self._lock.close()
        self.guard.close()


def remove_stale() -> None:
    """Remove the temporary folders of processes that are gone; never raises for what cannot be removed."""
    for folder in Path(tempfile.gettempdir()).resolve().glob(f"{PREFIX}*"):
        with suppress(OSError):
            if _stale(folder):
                remove(folder)


def _stale(folder: Path) -> bool:
    """Ours by owner, and its process gone: by its number, and by its lock where the number is of another
    container."""
    named = re.match(rf"{PREFIX}(\d+)-", folder.name)
    if named is None or folder.is_symlink() or folder.stat().st_uid != os.getuid() or _alive(int(named[1])):
        return False
    with suppress(FileNotFoundError), (folder / _LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def remove(named: Path | str) -> None:
    """Remove the folder of a gate with its worktrees, of which git keeps no record."""
    folder = Path(named)
    with suppress(OSError):
        repository = Repository(Path(os.fsdecode((folder / _REPOSITORY).read_bytes())))
        if repository.top.is_dir():
            repository.forget(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # a build may have made folders that cannot be written to
        for place, _, _ in os.walk(folder):
            with suppress(OSError):
                os.chmod(place, 0o700)  # noqa: PTH101
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off SIGINT and SIGTERM until what is inside is done: a second Ctrl-C must not stop the cleaning
    up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    before: dict[int, signal._HANDLER] = {
        number: signal.signal(number, lambda got, _: pending.append(got)) for number in _PUT_OFF
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    for number in pending[-1:]:
        signal.raise_signal(number)


_PUT_OFF = (signal.SIGINT, signal.SIGTERM)
