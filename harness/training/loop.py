"""A loop that is watched: two readings of the clock an iteration, and a look around once a second."""

from __future__ import annotations

import atexit
import os
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar
from weakref import WeakKeyDictionary

from harness.errors import HarnessError
from harness.report.progress.training import LoopScreen
from harness.training.described import Step, described
from harness.training.device_waits import DeviceWaits
from harness.training.record import LoopRecord
from harness.training.worker_states import WorkerStates

Batch = TypeVar("Batch")

LONGEST_STRETCH = 4096
"""Iterations after which a stretch is written, in the middle of an epoch."""

LOOK_SECONDS = 1.0
"""How often workers are looked at, and the line on the terminal is painted."""


class _Stretch:
    """Iterations that are not written yet."""

    def __init__(self) -> None:
        self.seconds, self.waits, self.copies = array("d"), array("d"), array("d")
        self.exact: dict[str, float] = {}
        self.first_seconds = 0.0
        self.began = time.monotonic()


class LoopWatch:
    """What is known of a loop so far; it holds no loader."""

    def __init__(
        self, record: LoopRecord, screen: LoopScreen, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self.record = record
        self.held = False
        self.closed = False
        self._screen = screen
        self._now = now
        self._workers = WorkerStates()
        self._device = DeviceWaits()
        self._copied = 0.0
        self._copies = False
        self._due = 0.0
        self._epochs = 0

    def batches(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """The batches of one epoch, each as soon as the loader gives it."""
        self.record.begin()
        self._epochs += 1
        now, device, stretch = self._now, self._device, _Stretch()
        stretch.exact["left_early"] = 1.0
        first, copied = True, self._copied
        start = now()
        try:
            iterator = iter(loader)
            while True:
                if not first:
                    device.begins()
                try:
                    batch = next(iterator)
                except StopIteration:
                    stretch.exact |= {"ending_seconds": now() - start, "left_early": 0.0}
                    return
                got = now()
                device.ends()
                yield batch
                # A batch that is kept until the next one arrives would be a second batch in memory.
                del batch
                end = now()
                if first:
                    first = False
                    stretch.exact["first_batch_seconds"] = got - start
                    stretch.first_seconds = end - got
                    self._workers.find()
                else:
                    stretch.seconds.append(end - start)
                    stretch.waits.append(got - start)
                    stretch.copies.append(self._copied - copied)
                copied = self._copied
                if end >= self._due:
                    self._due = end + LOOK_SECONDS
                    self._workers.look()
                    self._screen.live(stretch.seconds, stretch.waits, stretch.copies)
                    end = now()
                if len(stretch.seconds) >= LONGEST_STRETCH:
                    early = stretch.exact.pop("left_early")
                    self._write(stretch)
                    stretch = _Stretch()
                    stretch.exact["left_early"] = early
                    end = now()
                start = end
        finally:
            self._workers.look()
            self._write(stretch)
            if not self.held and self._epochs == 1:
                self.answer()

    @contextmanager
    def copying(self) -> Iterator[None]:
        """Count the time of the block as copying."""
        self._copies = True
        begin = self._now()
        try:
            yield
        finally:
            self._copied += self._now() - begin

    def close(self) -> None:
        """End the record, and answer if there is more than was answered; may be called twice."""
        if self.closed:
            return
        self.closed = True
        atexit.unregister(self.close)
        self.record.close()
        if self.held or self._epochs > 1:
            self.answer()

    def answer(self) -> None:
        """Show where the loop's time went, as far as it was watched."""
        from harness.judge.training import judge_loop
        from harness.report.builders.training import loop_document
        from harness.store import load

        if not self.record.own:
            return
        self._screen.clear()
        try:
            self._screen.answer(loop_document(judge_loop(load(self.record.own))), self.record.own)
        except HarnessError as error:
            self._screen.note(str(error))

    def _write(self, stretch: _Stretch) -> None:
        count = len(stretch.seconds)
        samples = {"seconds": stretch.seconds, "wait_seconds": stretch.waits}
        if self._copies:
            samples["copy_seconds"] = stretch.copies
        # The wait of an iteration that was left early has no iteration.
        if count and len(waits := self._device.all()[:count]) == count:
            samples["device_wait_seconds"] = array("d", waits)
        self.record.add(
            samples, {**stretch.exact, **self._workers.shares()}, stretch.first_seconds, stretch.began
        )


class WatchedLoop(Generic[Batch]):
    """A loader in whose place it is looped over, as often as you like: it gives the loader's batches.

    As a context manager it answers when its block is left; else when the loop ends, and if the loop is begun
    again, once more at the end of the program. `watched` makes one.

    Example::

        >>> loop = watched([(1, 2), (3, 4)], results=results, quiet=True)
        >>> [images for images, labels in loop]
        [1, 3]
    """

    def __init__(self, loader: Iterable[Batch], watch: LoopWatch) -> None:
        self._loader = loader
        self._watch = watch

    def __len__(self) -> int:
        """The loader's length; TypeError if it has none."""
        return len(self._loader)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Batch]:
        """One epoch."""
        return self._watch.batches(self._loader)

    def __enter__(self) -> Self:
        self._watch.held = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.close()

    def copying(self) -> AbstractContextManager[None]:
        """A context around the copy of a batch to the device: its time is told apart from the step's."""
        return self._watch.copying()

    @property
    def folder(self) -> Path | None:
        """The run's folder; None before the first batch, and if it cannot be written."""
        return self._watch.record.folder


_watches: WeakKeyDictionary[object, LoopWatch] = WeakKeyDictionary()
"""Loops that are watched: one that is begun again, by another call, goes on in the same run."""


def watched_loop(
    loader: Iterable[Batch], step: Step = None, *, results: Path, quiet: bool = False
) -> WatchedLoop[Batch]:
    """As `harness.watched`."""
    of = described(loader, step)
    try:
        known = _watches.get(loader)
    except TypeError:  # it cannot be hashed, or not be referred to weakly
        known = None
    if known is None or known.closed:
        known = LoopWatch(LoopRecord(of, results), LoopScreen(sys.stderr, quiet=quiet or not _first_rank()))
        atexit.register(known.close)
        with suppress(TypeError):
            _watches[loader] = known
    return WatchedLoop(loader, known)


def _first_rank() -> bool:
    """Whether this process is the one of several ranks that speaks."""
    return os.environ.get("RANK", "0") in ("", "0")
