"""Where made data is kept: made once, whole or not at all. Standard library only."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.loading.data.folder import DataError


def cache_root() -> Path:
    """``$TIPBENCH_CACHE``, else ``$XDG_CACHE_HOME/tipbench``, else ``~/.cache/tipbench``.

    A user without a home directory (no ``HOME`` and no entry in the system's user database, as in
    many containers) has a folder in the temporary one. Raises PermissionError if that is there and
    belongs to another user.
    """
    return _lasting() or _temporary()


def cache_note() -> str:
    """What a user without a home directory should know; empty for all others."""
    if _lasting() is not None:
        return ""
    try:
        where = f"made images and ceilings are kept in {_temporary()}; TIPBENCH_CACHE names another folder"
    except PermissionError as error:
        where = f"nothing is kept: {error}"
    return f"there is no home directory: {where}"


def _lasting() -> Path | None:
    if own := os.environ.get("TIPBENCH_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "tipbench"
    try:
        return Path.home() / ".cache" / "tipbench"
    except RuntimeError:
        return None


def _temporary() -> Path:
    folder = Path(tempfile.gettempdir()) / f"tipbench-{os.getuid()}"
    # The name can be known beforehand, and what is in there is believed.
    with suppress(FileNotFoundError):
        found = folder.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            raise PermissionError(f"{folder} is not a folder of this user; set TIPBENCH_CACHE to one")
    return folder


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The cached folder ``name``; where it is absent, ``make(folder)`` fills one and it is put in
    place in one step.

    Interrupted, it leaves nothing under that name; of two processes at once the first to finish
    wins, and the other takes its folder. Raises DataError where the cache cannot be written.
    """
    try:
        root = cache_root()
    except PermissionError as error:
        raise DataError(f"the data to load cannot be kept: {error}") from error
    place = root / name
    if place.is_dir():
        return place
    try:
        root.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        try:
            make(making)
            making.chmod(0o755)
            try:
                making.rename(place)
            except OSError:
                if not place.is_dir():
                    raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        remedy = "set TIPBENCH_CACHE to a folder with 100 MB to spare, or name images of yours with --data"
        raise DataError(f"the data to load cannot be made in {root} ({error}): {remedy}") from error
    return place
