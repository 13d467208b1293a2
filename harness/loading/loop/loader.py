"""What every kind of loader can do: run an epoch, be left early, be closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from time import perf_counter
from traceback import clear_frames
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.loading.errors.messages import dead_worker, died, explained, stalled
from harness.loading.errors.timeout import MAX_WAIT, LoaderStalled, TimeLimit
from harness.loading.errors.workers import await_one, dead_workers, end, sigchld_blocked
from harness.loading.loop.epoch import Batch, Epoch, Step, run_epoch
from harness.measure.device import indexed

if TYPE_CHECKING:
    import torch

EARLY = 3
"""Batches taken before a loader is left early."""

DEPTHS = 20
"""An epoch is at least this many times what the deepest loader keeps prepared, so that queues
cannot hide the work."""

LAST_WAIT = 10.0
"""Seconds in which a worker that broke a connection off is seen to be dead, if it is, on a busy
machine too."""


class Loader(ABC):
    """A way of loading: a context manager, called once an epoch, whose batches are on ``device``.

    An epoch raises DataError, LoaderError or LoaderStalled with a message of one line; so does the
    context for what was raised inside it. ``max_wait`` is how many seconds may pass without a
    batch.
    """

    max_wait = MAX_WAIT

    def __init__(self, *, device: torch.device | str = "cpu", step: Step | None = None) -> None:
        import torch

        self.device = indexed(torch.device(device))
        self.step = step
        self.copied_seconds = 0.0
        self._own: set[BaseProcess] = set()
        self._dead: Set[int] = dead_workers().keys()
        self._ending: float | None = None

    @abstractmethod
    def batches(self) -> Iterable[Batch]:
        """One epoch's batches on the device; starts and ends with workers idle and queues as they were."""

    @abstractmethod
    def close(self) -> None:
        """Shut workers down and join threads; afterwards nothing is left. Closing twice is fine."""

    def __call__(self) -> Epoch:
        """Run one epoch."""
        return self._run(self.step)

    def alone(self) -> Epoch:
        """Run one epoch without the step; right after another one, with the gap between the two
        among its readings.
        """
        before = self._ending
        epoch = self._run(None)
        if before is None:
            return epoch
        gap = before + epoch.readings["first_batch_seconds"]
        return replace(epoch, readings={**epoch.readings, "epoch_gap_seconds": gap})

    def with_timeout(self) -> Generator[Batch, None, None]:
        """One epoch's batches, for callers that drive it themselves; none is waited for longer than
        ``max_wait``.

        Raises LoaderStalled.

        Close it before another loader's epoch begins. Errors become one line when the loader's context ends.
        """
        others = set(active_children()) - self._own
        self._dead = dead_workers().keys()
        limit = self._bound(others)
        try:
            with limit:
                iterator = limit.over(iter, self.batches())
                while (batch := limit.over(next, iterator, None)) is not None:
                    yield batch
                    # An image batch kept until the next one arrives would be a second batch in memory.
                    del batch
        except Exception as error:
            if limit.reason is None or isinstance(error, LoaderStalled):
                raise
            raise LoaderStalled(limit.reason) from error  # the workers that were ended are reported as dead
        finally:
            self._own |= set(active_children()) - others

    @property
    def copied(self) -> Callable[[], float] | None:
        """Gives the seconds that copies to the device took so far; None where there is no device to
        copy to.
        """
        return None if self.device.type == "cpu" else lambda: self.copied_seconds

    @contextmanager
    def copying(self) -> Iterator[None]:
        """Around a copy to the device, whose time is no wait for a batch: one that blocks waits for
        the step, too.
        """
        start = perf_counter()
        try:
            yield
        finally:
            self.copied_seconds += perf_counter() - start

    def moved(self, batches: Iterable[Batch], *, non_blocking: bool = False) -> Iterator[Batch]:
        """The batches with images and labels on the device; ids stay where they are."""
        for images, labels, ids in batches:
            with self.copying():
                there = (
                    images.to(self.device, non_blocking=non_blocking),
                    labels.to(self.device, non_blocking=non_blocking),
                )
            yield *there, ids
            # An image batch kept until the next one arrives would be a second batch in memory.
            del there

    def leave_early(self) -> None:
        """Take three batches and walk away, as user code does with ``break``; what is left is left."""
        take_some(self.batches())

    def _run(self, step: Step | None) -> Epoch:
        others = set(active_children()) - self._own
        self._dead = dead_workers().keys()
        unrelated = {process.pid for process in others} | self._dead - {process.pid for process in self._own}
        limit = self._bound(others)
        try:
            while True:
                try:
                    epoch = run_epoch(self.batches(), step, limit, copied=self.copied)
                except RuntimeError as error:
                    # torch reports a dead worker wherever the main thread happens to be. The loader
                    # that it belongs to fails in its own epoch; this epoch is run again.
                    if dead_worker(error) not in unrelated:
                        raise
                    unrelated.discard(dead_worker(error))
                else:
                    self._ending = epoch.ending_seconds
                    return epoch
        except Exception as error:
            with sigchld_blocked():
                better = _explained(error, self._dead)
                if limit.reason is not None and not isinstance(error, LoaderStalled):
                    better = LoaderStalled(limit.reason)  # the workers that were ended are reported as dead
                _let_go(error)
            if better is None:
                raise
            raise better from error
        finally:
            self._own |= set(active_children()) - others

    def _bound(self, others: Set[BaseProcess]) -> TimeLimit:
        """A bound on each wait; where it is passed, the workers that are not ``others``' are ended."""

        def why(seconds: float) -> str:
            with sigchld_blocked():
                workers = set(active_children()) - others
                reason = stalled(seconds, len(workers))
                end(workers)
            return reason

        return TimeLimit(self.max_wait, why)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            better = self._leave(error)
        except RuntimeError as news:
            # torch may report a dead worker in here, too, until its handler is removed; nothing has
            # been tidied up by then.
            if dead_worker(news) is None:
                raise
            better = self._leave(error or news)
        if better is not None:
            raise better from error

    def _leave(self, error: BaseException | None) -> Exception | None:
        """Tidy up; the error to raise instead of this one, if any."""
        with sigchld_blocked():
            better = _explained(error, self._dead) if isinstance(error, Exception) else None
            _let_go(error)
            try:
                self.close()
            finally:
                end(process for process in self._own if process.is_alive())
                self._own.clear()
        return better


def _explained(error: Exception, known: Set[int]) -> Exception | None:
    """The error to raise instead, if any; workers that are ``known`` to be dead had no part in it."""
    if isinstance(error, ConnectionError | EOFError | FileNotFoundError):
        # A worker that dies while its batch is fetched breaks that off first, and is seen to be
        # dead a moment later.
        if not dead_workers().keys() - known:
            await_one(active_children(), LAST_WAIT)
        for pid in dead_workers().keys() - known:
            return explained(died(pid), dead_workers())
    return explained(error, dead_workers())


def _let_go(error: BaseException | None) -> None:
    """Drop what the frames that an error came through hold: iterators with their workers, pipelines
    with threads.
    """
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def take_some(batches: Iterable[Batch], count: int = EARLY) -> None:
    """Iterate, and break after ``count`` batches."""
    for number, _ in enumerate(batches, start=1):
        if number == count:
            break


def epoch_batches(deepest: int) -> int:
    """Batches in an epoch that is fair to a loader keeping ``deepest`` batches prepared; at least 80."""
    return max(80, DEPTHS * deepest)
