"""Several epochs in a row as one iteration, so that what happens between two of them counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

from harness.loading.loop.epoch import Batch, Epoch, same_samples
from harness.loading.loop.loader import Loader
from harness.plural import counted


@dataclass(frozen=True)
class Epochs(Epoch):
    """What several epochs delivered, one after the other; ``lengths`` are their samples.

    Among the readings are ``epoch_seconds``, the time of one epoch, and ``epoch_gap_seconds``, the
    mean wait between two: from the last batch's step to the next epoch's first batch. After the
    last one comes the first one again.
    """

    lengths: tuple[int, ...] = ()

    def each(self) -> list[Epoch]:
        """The epochs one by one, without readings."""
        lengths = list(self.lengths)
        parts = zip(self.ids.split(lengths), self.labels.split(lengths), strict=True)
        return [Epoch(ids, labels) for ids, labels in parts]


class Successive(Loader):
    """Runs another loader for so many epochs each time it is called."""

    def __init__(self, loader: Loader, epochs: int) -> None:
        super().__init__(device=loader.device, step=loader.step)
        self.loader = loader
        self.epochs = epochs
        self._lengths: list[int] = []
        self._gaps: list[float] = []
        self._end_wait = 0.0

    def __call__(self) -> Epochs:
        """Run the epochs."""
        begin = time.perf_counter()
        whole = super().__call__()
        seconds = (time.perf_counter() - begin) / self.epochs
        gap = mean([*self._gaps, self._end_wait + whole.readings["first_batch_seconds"]])
        readings = {**whole.readings, "epoch_seconds": seconds, "epoch_gap_seconds": gap}
        return Epochs(whole.ids, whole.labels, whole.total, readings, tuple(self._lengths))

    def batches(self) -> Iterator[Batch]:
        """The batches of all epochs; notes how long the loop stood still between them."""
        self._lengths, self._gaps = [], []
        requested = time.perf_counter()
        for number in range(self.epochs):
            delivered = 0
            for batch in self.loader.batches():
                if number and not delivered:
                    self._gaps.append(time.perf_counter() - requested)
                delivered += batch[2].numel()
                yield batch
                # An image batch kept until the next one arrives would be a second batch in memory.
                del batch
                requested = time.perf_counter()
            self._lengths.append(delivered)
            self._end_wait = time.perf_counter() - requested

    def alone(self) -> Epoch:
        """One epoch of the loader, without the step."""
        return self.loader.alone()

    def leave_early(self) -> None:
        """Leave an epoch of the loader early, as it does itself."""
        self.loader.leave_early()

    def close(self) -> None:
        """Close the loader."""
        self.loader.close()


def same_epochs(expected: Epochs, got: Epochs) -> None:
    """Agree where every epoch delivered the same multiset of ids with their labels; AssertionError
    names the one that did not.
    """
    wanted, seen = expected.each(), got.each()
    assert len(wanted) == len(seen), f"{counted(len(wanted), 'epoch')} expected, {len(seen)} delivered"
    for number, (one, other) in enumerate(zip(wanted, seen, strict=True), start=1):
        try:
            same_samples(one, other)
        except AssertionError as error:
            raise AssertionError(f"epoch {number}: {error}") from error
