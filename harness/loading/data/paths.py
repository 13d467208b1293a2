"""Very many image files, listed fast and kept small: a million of them in seconds and tens of megabytes.

A list of a million tuples is three million Python objects, and every worker that looks at one
writes its reference count: pages that a fork shares are copied one by one. Here all names are one
piece of bytes and a few arrays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, overload

import numpy as np

from harness.loading.data.folder import LAYOUT, SUFFIXES, DataError, Image, class_names
from harness.loading.data.tree import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places: TypeAlias = NDArray[np.uint32] | NDArray[np.int64]

_LIKELY = (".jpg", ".JPEG", ".jpeg", ".png")
"""Suffixes that are looked for first, before a name is put in small letters for all."""

_WINDOW = 1 << 20


class Paths(Sequence[Image]):
    """The image files of a folder, one sub-folder a class, with the labels and the order of
    torchvision's ImageFolder.

    Hidden files and folders are no part of it. It stands wherever a list of images does:
    `Photographs` makes a dataset of it that decodes, and alone it is a dataset of paths and labels.
    ``classes`` are the names of the classes, ``empty`` those among them without an image.
    """

    def __init__(
        self, root: str, classes: Sequence[str], names: bytearray, starts: Places, labels: NDArray[np.int32]
    ) -> None:
        self.root = root
        self.classes = tuple(classes)
        self._names = names
        self._starts = starts
        self._labels = labels

    @property
    def labels(self) -> NDArray[np.int32]:
        """The label of each image, int32 [images]."""
        return self._labels

    @property
    def empty(self) -> list[str]:
        """The classes without an image."""
        counts = np.bincount(self._labels, minlength=len(self.classes))
        return [self.classes[label] for label in np.flatnonzero(counts == 0)]

    @property
    def nbytes(self) -> int:
        """Bytes that the names and labels take."""
        return len(self._names) + self._starts.nbytes + self._labels.nbytes

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, place: int) -> Image: ...
    @overload
    def __getitem__(self, place: slice) -> list[Image]: ...
    def __getitem__(self, place: int | slice) -> Image | list[Image]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        index = range(len(self))[place]
        # Each name is followed by the one character that no name has.
        name = bytes(self._names[self._starts[index] : self._starts[index + 1] - 1])
        return Image(f"{self.root}{os.sep}{os.fsdecode(name)}", int(self._labels[index]))


def scan(folder: Path) -> Paths:
    """List every image of a folder; raises DataError where there is none.

    Folders and links are those of `harness.loading.data.tree.walk`.
    """
    classes = class_names(folder)
    root = str(folder)
    listed = bytearray()
    counts: list[int] = []
    for name in classes:
        count = 0
        # torchvision sorts a class's folders by their whole paths, and only then the files of each.
        folders = ((below, list(filter(_is_image, names))) for below, names in walk(root, name))
        for below, names in sorted(folders):
            count += len(names)
            if names:
                listed += os.fsencode(f"{below}{os.sep}" + f"\0{below}{os.sep}".join(names) + "\0")
        counts.append(count)
    if not any(counts):
        raise DataError(
            f"no images in the {len(classes)} sub-folders of {folder}: {LAYOUT} (suffixes {', '.join(SUFFIXES)})"
        )
    return Paths(
        root, classes, listed, _starts(listed), np.repeat(np.arange(len(classes), dtype=np.int32), counts)
    )


def _starts(names: bytearray) -> Places:
    """Where each name starts, and where one more would; a window at a time: what is freed need not
    be given back.
    """
    wide = np.uint32 if len(names) < 2**32 else np.int64
    view = np.frombuffer(names, np.uint8)
    windows = range(0, len(view), _WINDOW)
    ends = [(np.flatnonzero(view[at : at + _WINDOW] == 0) + at + 1).astype(wide) for at in windows]
    return np.concatenate([np.zeros(1, wide), *ends])


def _is_image(name: str) -> bool:
    # Most names end as they are usually written, and need no second look.
    return name.endswith(_LIKELY) or name.lower().endswith(SUFFIXES)
