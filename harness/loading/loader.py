"""What every kind of loader can do: run an epoch, be left early, be closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import torch

from harness.loading.epoch import Batch, Epoch, Step, run_epoch

EARLY = 3
"""Batches taken before a loader is left early."""

DEPTHS = 20
"""An epoch is at least this many times what the deepest loader keeps prepared, so that queues cannot hide the work."""


class Loader(ABC):
    """A way of loading: a context manager, called once an epoch, whose batches are on ``device``."""

    def __init__(self, *, device: torch.device | str = "cpu", step: Step | None = None) -> None:
        self.device = torch.device(device)
        self.step = step

    @abstractmethod
    def batches(self) -> Iterable[Batch]:
        """One epoch's batches on the device; starts and ends with workers idle and queues as they were."""

    @abstractmethod
    def close(self) -> None:
        """Shut workers down and join threads; afterwards nothing is left. Closing twice is fine."""

    def __call__(self) -> Epoch:
        """Run one epoch."""
        return run_epoch(self.batches(), self.step)

    def leave_early(self) -> None:
        """Take three batches and walk away, as user code does with ``break``; what is left is left."""
        take_some(self.batches())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def take_some(batches: Iterable[Batch], count: int = EARLY) -> None:
    """Iterate, and break after ``count`` batches."""
    for number, _ in enumerate(batches, start=1):
        if number == count:
            break


def moved(batches: Iterable[Batch], device: torch.device, *, non_blocking: bool = False) -> Iterator[Batch]:
    """The batches with images and labels on the device; ids stay where they are."""
    for images, labels, ids in batches:
        yield images.to(device, non_blocking=non_blocking), labels.to(device, non_blocking=non_blocking), ids


def epoch_batches(deepest: int) -> int:
    """Batches in an epoch that is fair to a loader keeping ``deepest`` batches prepared; at least 80."""
    return max(80, DEPTHS * deepest)
