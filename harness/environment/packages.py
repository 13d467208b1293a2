"""Which files the packages under test are, where an import takes them from, and what else is installed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path


def packages(names: Iterable[str]) -> list[dict[str, str]]:
    """Name, file and digest of each package as this process imports it.

    None of them is imported, but what a dotted name is in has to be. The file of a package without an
    ``__init__`` is its first folder; what cannot be found has an empty file and digest.
    """
    return [_package(name) for name in names]


def installed() -> dict[str, str]:
    """Versions of all installed distributions by name, in lower case; of those that are there twice the one
    in use."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        try:
            found.setdefault(distribution.name.lower(), distribution.version)
        except (KeyError, TypeError, AttributeError):  # what an installation left half done has no name
            continue
    return dict(sorted(found.items()))


def _package(name: str) -> dict[str, str]:
    spec = _spec(name)
    places = [] if spec is None else _places(spec)
    if spec is None or not places:
        return {"name": name, "file": "", "digest": ""}
    file = spec.origin if spec.has_location else None
    return {"name": name, "file": str(file or places[0]), "digest": _digest(places)}


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except Exception:  # importing what a dotted name is in can fail in any way
        return None


def _places(spec: ModuleSpec) -> list[Path]:
    """The folders of a package, or the file of a module."""
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.has_location and spec.origin else []


def _digest(places: Iterable[Path]) -> str:
    """SHA-256 over relative path and content of all files, sorted; compiled Python left out."""
    found = hashlib.sha256()
    for place in places:
        for name, file in sorted(_files(place)):
            found.update(hashlib.sha256(os.fsencode(name)).digest())
            found.update(_content(file))
    return found.hexdigest()


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    if not place.is_dir():
        yield place.name, place
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            file = Path(folder, name)
            # A pipe would keep its reader waiting.
            if file.suffix != ".pyc" and file.is_file():
                yield file.relative_to(place).as_posix(), file


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return b""
