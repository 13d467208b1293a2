"""The working tree's changes copied into head's worktree."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from harness.gate.builds.repository import GitFailed, PathChange, Repository

_RUN = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d\d)?")
"""The name of a run's or gate's folder in a results folder."""

_FICLONE = 0x40049409
"""The request of linux/fs.h that lets a file share another's blocks until either is written to."""


def files(top: Path, path: str) -> Iterator[str]:
    """The files that a changed path stands for: itself, or what a repository at that place has and does not
    ignore."""
    source = top / path
    if not source.is_dir() or source.is_symlink():
        if os.path.lexists(source):
            yield path
        return
    with suppress(GitFailed):
        for inner in Repository(source).files():
            yield from files(top, f"{path}/{inner}")


def without_ours(
    changes: Sequence[PathChange], results: PurePath | None, project: PurePath
) -> list[PathChange]:
    """The changes but for results that git neither tracks nor ignores.

    ``results`` is the folder of results and ``project`` that of the project, both relative to the top; a
    folder of results that the project is in has other files, too, and only runs are left out of it.
    """
    if results is None:
        return list(changes)
    mixed = project.is_relative_to(results)
    return [
        change
        for change in changes
        if not (change.untracked and _ours(PurePath(change.path), results, mixed))
    ]


def _ours(path: PurePath, results: PurePath, mixed: bool) -> bool:
    if not path.is_relative_to(results):
        return False
    inner = path.relative_to(results).parts
    return not mixed or (len(inner) > 1 and _RUN.fullmatch(inner[0]) is not None)


def overlay(top: Path, changes: Sequence[PathChange], tree: Path) -> None:
    """Bring a worktree of HEAD to what the working tree has of these paths."""
    paths = sorted(change.path for change in changes)
    # What is gone first, folders before what is in them: a file may have become a folder, or the other way
    # round.
    for path in paths:
        if _inside(tree / path, tree):
            _remove(tree / path)
    for path in (inner for changed in paths for inner in files(top, changed)):
        source, target = top / path, tree / path
        if _inside(target, tree):
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, target)


def can_clone(top: Path, changes: Iterable[PathChange], folder: Path) -> bool:
    """Whether copies of these files in that folder would share their blocks, and so take no room."""
    for change in changes:
        for path in files(top, change.path):
            if (top / path).is_file() and (top / path).stat().st_size:
                probe = folder / "clone"
                cloned = _clone(top / path, probe)
                probe.unlink(missing_ok=True)
                return cloned
    return False


def _copy(source: Path, target: Path) -> None:
    if source.is_symlink() or not source.is_file() or not _clone(source, target):
        shutil.copy2(source, target, follow_symlinks=False)
    else:
        shutil.copystat(source, target)


def _clone(source: Path, target: Path) -> bool:
    """Whether a file system made the copy by sharing blocks: never a hard link, which a build might write
    through."""
    with suppress(OSError), source.open("rb") as old, target.open("wb") as new:
        fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        return True
    return False


def _inside(path: Path, tree: Path) -> bool:
    """Whether a path leads to a place in the tree; a link on the way may lead anywhere."""
    return path.parent.resolve().is_relative_to(tree.resolve())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
