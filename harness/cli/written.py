"""The files that a command was asked to write: tried before anything is measured, written when all of it is."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.store import StoreError


def check_writable(files: Mapping[str, Path | None], results: Path | None = None) -> None:
    """Try the files to be written, by the option that names each; whatever is there stays as it is.

    ``results``, the folder of results, may still have to be made: a file in it is to be written then. Raises StoreError
    with the first option whose file cannot be written.
    """
    if results is not None:
        _check_folder(results)
    for option, path in files.items():
        if path is None or (results is not None and _comes_with(path, results)):
            continue
        try:
            _try(path)
        except OSError as error:
            raise unwritable(option, path, error) from error


def write(option: str, path: Path, text: str, *, append: bool = False) -> None:
    """Write a text to the file that an option names, with a newline at its end. Raises StoreError."""
    try:
        # Names may hold what no encoding knows.
        with path.open("a" if append else "w", encoding="utf-8", errors="replace") as file:
            file.write(text if text.endswith("\n") or not text else f"{text}\n")
    except OSError as error:
        raise unwritable(option, path, error) from error


def unwritable(option: str, path: Path, error: OSError) -> StoreError:
    """What to say of a file that cannot be written."""
    return StoreError(f"{option}: cannot write {path}: {error.strerror or error}; name another file")


def _try(path: Path) -> None:
    """Raises OSError where the file cannot be written. Only opening it says so for every file system and every user."""
    target = Path(os.path.realpath(path))
    there = target.exists()
    if there and not target.is_file() and not target.is_dir():
        return  # a pipe or a device: whoever reads at its other end would notice
    with path.open("ab"):
        pass
    if not there:
        target.unlink()


def _comes_with(path: Path, results: Path) -> bool:
    return not results.exists() and path.resolve().parent == results.resolve()


def _check_folder(results: Path) -> None:
    """Raises StoreError where no folder can be made in ``results``, which may have to be made itself."""
    place = results.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryDirectory(dir=place):
            pass
    except OSError as error:
        raise StoreError(
            f"--results: cannot write to {results}: {error.strerror or error}; choose a folder you may write to with "
            "--results FOLDER"
        ) from error
