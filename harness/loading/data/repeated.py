"""Images that come round again. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import overload

from harness.loading.data.folder import Image


class Repeated(Sequence[Image]):
    """The images in a random order, from the front again when they are used up; ``length`` of them,
    not listed.
    """

    def __init__(self, images: Sequence[Image], length: int, seed: int) -> None:
        self._images = list(images)
        random.Random(seed).shuffle(self._images)
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> Image: ...
    @overload
    def __getitem__(self, place: slice) -> list[Image]: ...
    def __getitem__(self, place: int | slice) -> Image | list[Image]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(self._length))]
        if not -self._length <= place < self._length:
            raise IndexError(place)
        return self._images[place % self._length % len(self._images)]
