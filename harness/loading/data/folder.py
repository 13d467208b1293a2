"""A folder of images, one sub-folder a class: checking it, and taking an epoch's worth. Standard
library only.

What begins with a dot is hidden and no part of the data: folders of tools (``.ipynb_checkpoints``),
and the companions that some systems write beside each file (``._name.jpg``). Else classes are
numbered as torchvision's ImageFolder does.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.loading.data.tree import HIDDEN, walk

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""What counts as an image, as in torchvision's ImageFolder."""

LAYOUT = "arrange it as FOLDER/CLASS/IMAGE.jpg"


class DataError(HarnessError):
    """Input that cannot be used; the message names what, where and what to do.

    ``file`` is the one file that is to blame, where the others can be used. It stands in a note, too: torch
    carries what a worker raises over as a printed traceback, in which `file_at_fault` finds it.
    """

    def __init__(self, message: str, file: str | None = None) -> None:
        super().__init__(message)
        self.file = file
        if file is not None:
            self.add_note(f"{_FILE}{json.dumps(file)}")


_FILE = "file at fault: "
_NOTE = re.compile(rf'^{_FILE}(".*")$', re.MULTILINE)


def file_at_fault(traceback: str) -> tuple[str | None, str]:
    """The file in the note of a `DataError` in a printed traceback, if there is one, and the text without the
    note."""
    noted = _NOTE.search(traceback)
    return (json.loads(noted[1]), _NOTE.sub("", traceback)) if noted else (None, traceback)


class Image(NamedTuple):
    """An image file and the index of its class."""

    path: str
    label: int


def check_folder(path: Path) -> Path:
    """The folder itself, if images can be taken from it.

    Raises DataError where it is missing, no folder, unreadable, has no class sub-folders or no
    images in them. Looks no further than the first image.
    """
    first_images(path, 1)
    return path


def first_images(path: Path, count: int) -> list[Image]:
    """At most ``count`` images, evenly over the classes and in the same order every time; raises DataError.

    Labels are those of torchvision's ImageFolder: the index among the sorted class names, of which
    a class without images has one as well. Only as many classes are listed as are needed, so a
    folder of a million images costs what a small one does.
    """
    classes = class_names(path)
    share = -(-count // len(classes))
    # Every class where they fit; else classes spread over the whole range, with the others as a
    # reserve for empty ones.
    stride = max(1, len(classes) // count)
    order = sorted(range(len(classes)), key=lambda label: (label % stride, label))
    found: list[Image] = []
    spare: list[Image] = []
    for label in order:
        images = [Image(file, label) for file in _images(path / classes[label])]
        found += images[:share]
        spare += images[share:]
        if len(found) >= count:
            break
    if len(found) < count:
        found += spare[: count - len(found)]
    if not found:
        raise DataError(
            f"no images in the {len(classes)} sub-folders of {path}: {LAYOUT} (suffixes {', '.join(SUFFIXES)})"
        )
    return found[:count]


def class_names(path: Path) -> list[str]:
    """The sorted names of the class sub-folders; raises DataError where there are none."""
    remedy = f"name an existing folder, and {LAYOUT}"
    try:
        with os.scandir(path) as entries:
            names = sorted(
                entry.name for entry in entries if not entry.name.startswith(HIDDEN) and entry.is_dir()
            )
    except FileNotFoundError:
        raise DataError(f"no image folder {path}: {remedy}") from None
    except NotADirectoryError:
        raise DataError(f"{path} is not a folder: {remedy}") from None
    except OSError as error:
        raise DataError(f"the image folder {path} cannot be read ({error.strerror}): {remedy}") from error
    if not names:
        raise DataError(f"no class sub-folders in {path}: {LAYOUT}")
    return names


@dataclass(frozen=True, slots=True)
class FolderOddities:
    """What of a folder people may not expect: classes without an image, and hidden folders beside
    the classes.
    """

    empty: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


def oddities(path: Path, seconds: float, now: Callable[[], float] = time.monotonic) -> FolderOddities:
    """What is odd about a folder of images, of what can be looked at in so many seconds. Raises DataError."""
    end = now() + seconds
    empty = []
    for name in class_names(path):
        if now() >= end:
            break
        if next(_files(path / name), None) is None:
            empty.append(name)
    with os.scandir(path) as entries:
        hidden = sorted(entry.name for entry in entries if entry.name.startswith(HIDDEN) and entry.is_dir())
    return FolderOddities(tuple(empty), tuple(hidden))


def is_image(name: str) -> bool:
    """Whether a file of that name counts as an image."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(HIDDEN)


def _images(folder: Path) -> list[str]:
    return list(_files(folder))


def _files(folder: Path) -> Iterator[str]:
    for here, names in walk(str(folder.parent), folder.name):
        yield from (f"{folder.parent}{os.sep}{here}{os.sep}{name}" for name in names if is_image(name))
