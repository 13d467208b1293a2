"""The folder for temporary files, looked at once before anything is begun: what is wrong with it would show
late."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.errors import UsageError
from harness.report.format import quantity

LEAST = 16 * 2**20
"""Bytes that logs, channels and traces may need."""

LEAST_FILES = 200

LONGEST = 107 - len("/pymp-xxxxxxxx/listener-xxxxxxxx")
"""Bytes of the folder's path: what Python adds for its workers' sockets must fit into the 107 that Linux
allows."""

_REMEDY = "set TMPDIR to another folder"


def check_temporary(*, loaders: bool) -> None:
    """Raises UsageError where nothing can be kept in the folder, or, for data loaders, where workers cannot
    talk."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise UsageError(f"temporary files can be written nowhere ({error.strerror}); {_REMEDY}") from error
    has = os.statvfs(folder)
    free = has.f_bavail * has.f_frsize
    if free < LEAST:
        raise UsageError(
            f"{folder}, for temporary files, has {quantity(free, 'B')} left, and {quantity(LEAST, 'B')} may be needed; "
            f"make room there, or {_REMEDY}"
        )
    if has.f_files and has.f_favail < LEAST_FILES:  # some file systems count none
        raise UsageError(
            f"{folder}, for temporary files, can hold {has.f_favail} more files (inodes), and {LEAST_FILES} may be "
            f"needed; remove some there, or {_REMEDY}"
        )
    if loaders and len(os.fsencode(folder)) > LONGEST:
        raise UsageError(
            f"{folder}, for temporary files, is a path of {len(os.fsencode(folder))} bytes, and workers of a loader "
            f"can talk through sockets there only up to {LONGEST}; {_REMEDY}"
        )


def executable(folder: Path) -> bool:
    """Whether code that is built there can be loaded: not from a file system that is mounted noexec."""
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC
