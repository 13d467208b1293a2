"""Whether the disk has space for both sides' worktrees and for the copies in head, before anything is
made."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from harness.errors import UsageError
from harness.gate.builds.overlay import can_clone, files
from harness.gate.builds.repository import PathChange, Repository
from harness.gate.builds.side import Checkout
from harness.gate.configuration import Configuration
from harness.plural import counted
from harness.processes.launch import LaunchError
from harness.report.format import quantity

ELSEWHERE = "set TMPDIR to a writable folder with more space"

_SPARE = 64 * 2**20
"""Bytes for environments, logs and what builds leave behind."""

_SPARE_FILES = 500
"""Files of environments, logs and what builds leave behind."""

_NOTICEABLE = 10 * 2**20
"""Bytes that take a noticeable time to copy."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is to be copied: ``count`` files of ``size`` bytes; ``largest`` is the folder most of them are
    in.

    ``largest`` is relative to the top, and the top itself where no folder has most of them; ``share`` are its
    bytes. A file at the top that has most of them stands for a folder: then ``single``.
    """

    size: int
    count: int
    largest: PurePath
    share: int
    single: bool = False


def amount(top: Path, changes: Iterable[PathChange]) -> Amount:
    """How much of the working tree git does not track: files that are new, and repositories within this
    one."""
    sizes: Counter[PurePath] = Counter()
    singles: set[PurePath] = set()
    total = count = 0
    for change in changes:
        if not change.untracked:
            continue
        for path in files(top, change.path):
            with suppress(OSError):  # gone meanwhile
                size = (top / path).lstat().st_size
                total, count = total + size, count + 1
                place = PurePath(path)
                if len(place.parts) == 1:
                    sizes[place] = size
                    singles.add(place)
                for folder in place.parents:
                    sizes[folder] += size
    largest = PurePath()
    while total and (inner := [one for one in sizes if one.parent == largest and one != largest]):
        heaviest = max(inner, key=lambda one: (sizes[one], one))
        # A folder that has most of it is more useful to name than the one that it is in.
        if sizes[heaviest] <= total / 2:
            break
        largest = heaviest
    return Amount(total, count, largest, sizes[largest], largest in singles)


def check_space(
    repository: Repository,
    checkouts: Collection[Checkout],
    folder: Path,
    configuration: Configuration,
    note: Callable[[str], None],
) -> None:
    """Note how much is about to be copied into the temporary ``folder``.

    Raises UsageError for more untracked bytes than the limit, LaunchError for too little space on the disk.
    """
    untracked = amount(repository.top, (change for checkout in checkouts for change in checkout.changes))
    # Copies that share their blocks cost nothing, however large.
    cloned = any(can_clone(repository.top, checkout.changes, folder) for checkout in checkouts)
    if untracked.size > configuration.untracked_limit and not cloned:
        raise UsageError(
            f"head would get a copy of {_described(untracked)}, and the limit is "
            f"{quantity(configuration.untracked_limit, 'B')}; add {_example(untracked)} to .gitignore if the "
            f"benchmarks do not read it, or raise the limit in {configuration.file}: [tool.harness] "
            'untracked-limit = "8 GiB"'
        )
    tracked = [repository.contents(checkout.revision.commit) for checkout in checkouts]
    needed = sum(each.size for each in tracked) + (0 if cloned else untracked.size) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        copies = f", {_described(untracked)}" if untracked.size > _NOTICEABLE else ""
        raise LaunchError(
            f"the file system of {folder.parent} has {quantity(free, 'B')} left, and both sides need "
            f"{quantity(needed, 'B')} (their worktrees{copies}); {ELSEWHERE}"
        )
    files_needed = sum(each.count for each in tracked) + untracked.count + _SPARE_FILES
    if (left := files_left(folder)) is not None and left < files_needed:
        raise LaunchError(
            f"the file system of {folder.parent} takes {counted(left, 'more file')}, and both sides need "
            f"{files_needed} (their worktrees, {counted(untracked.count, 'file')} that git does not track); {ELSEWHERE}"
        )
    if untracked.size > _NOTICEABLE:
        note(f"copying {_described(untracked)} for head")


def files_left(folder: Path) -> int | None:
    """How many more files the file system of a folder takes; None where it has no such limit."""
    has = os.statvfs(folder)
    return has.f_favail if has.f_files else None


def _described(untracked: Amount) -> str:
    most = (
        f", {quantity(untracked.share, 'B')} of it in {_example(untracked)}"
        if untracked.largest.parts
        else ""
    )
    return (
        f"{quantity(untracked.size, 'B')} in {counted(untracked.count, 'file')} that git does not track{most}"
    )


def _example(untracked: Amount) -> str:
    if not untracked.largest.parts:
        return "what is large"
    return f"{untracked.largest}" if untracked.single else f"{untracked.largest}/"
