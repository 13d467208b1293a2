"""Where made data is kept: made once, whole or not at all. Standard library only."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.loading.images.folder import DataError


def cache_root() -> Path:
    """``$TIPBENCH_CACHE``, else ``$XDG_CACHE_HOME/tipbench``, else ``~/.cache/tipbench``."""
    if own := os.environ.get("TIPBENCH_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "tipbench"
    return Path.home() / ".cache" / "tipbench"


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The cached folder ``name``; where it is absent, ``make(folder)`` fills one and it is put in place in one step.

    Interrupted, it leaves nothing under that name; of two processes at once the first to finish wins, and the other
    takes its folder. Raises DataError where the cache cannot be written.
    """
    root = cache_root()
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
