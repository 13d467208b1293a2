"""Images, or the places of samples, that come round again. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Repeated(Sequence[T]):
    """Images, or places of samples, in a random order, from the front again when they are used up; ``length``
    of them, not listed.
    """

    def __init__(self, images: Sequence[T], length: int, seed: int) -> None:
        self._images = list(images)
        random.Random(seed).shuffle(self._images)
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(self._length))]
        if not -self._length <= place < self._length:
            raise IndexError(place)
        return self._images[place % self._length % len(self._images)]
