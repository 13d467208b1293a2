"""A folder and all below it, links followed, as torchvision's ImageFolder goes through one."""

from __future__ import annotations

import os
from collections.abc import Iterator

HIDDEN = "."
"""What the names of files and folders begin with that are passed over."""


def walk(root: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder from ``root``/``name`` down: its path under ``root``, and the sorted names of its files.

    What is a file and what a folder is taken from the listing itself: no file is looked at, except that links
    are followed. Folders come before those in them, in the order of their names. A link to a folder that it
    is in, also by way of other links, is passed over, where ImageFolder goes round and round. What cannot be
    listed is empty, as os.walk has it.
    """
    ahead: list[tuple[str, frozenset[tuple[int, int]]]] = [(name, frozenset())]
    while ahead:
        here, above = ahead.pop()
        path = f"{root}{os.sep}{here}"
        names: list[str] = []
        below: list[str] = []
        try:
            own = os.stat(path)  # noqa: PTH116
            identity = own.st_dev, own.st_ino
            if identity in above:
                continue
            with os.scandir(path) as entries:
                for entry in entries:
                    if not entry.name.startswith(HIDDEN):
                        (below if _is_folder(entry) else names).append(entry.name)
        except OSError:
            continue
        inside = above | {identity}
        ahead += [(f"{here}{os.sep}{each}", inside) for each in sorted(below, reverse=True)]
        names.sort()
        yield here, names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False
