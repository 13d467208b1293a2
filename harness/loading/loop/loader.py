"""What every kind of loader can do: run an epoch, be left early, be closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from time import perf_counter
from traceback import clear_frames
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from harness.loading.errors.messages import dead_worker, died, explained, stalled
from harness.loading.errors.timeout import MAX_WAIT, LoaderStalled, TimeLimit
from harness.loading.errors.workers import await_one, dead_workers, end, go_on, sigchld_blocked, stop
from harness.loading.loop.epoch import Batch, Epoch, Step, run_epoch
from harness.measure.device import indexed

if TYPE_CHECKING:
    import torch

Found = TypeVar("Found")

EARLY = 3
"""Batches taken before a loader is left early."""

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

    @property
    def depth(self) -> int:
        """Batches that are kept ready at most: so many of an epoch may have been prepared before they are
        asked for."""
        return 2

    def endless(self) -> Iterator[Batch] | None:
        """Batches on the device without an end: the epoch's again and again, workers at work throughout.

        None where there is no more than an epoch at a time.
        """
        return None

    def counters(self) -> Mapping[str, float]:
        """Readings that only grow, as they are so far; a round has the difference of both its ends."""
        return {} if self.copied is None else {"copy_seconds": self.copied_seconds}

    def __call__(self) -> Epoch:
        """Run one epoch."""
        before = self.counters()
        epoch = self._run(self.step)
        grown = {name: value - before[name] for name, value in self.counters().items()}
        return replace(epoch, readings={**grown, **epoch.readings})

    def pause(self) -> None:
        """Stop the worker processes as they are, in the middle of their work: the rounds of other loaders
        are theirs alone."""
        stop(self._own)

    def resume(self) -> None:
        """Let stopped worker processes go on."""
        go_on(self._own)

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
        epoch = self.guarded(lambda limit: run_epoch(self.batches(), step, limit, copied=self.copied))
        self._ending = epoch.ending_seconds
        return epoch

    def guarded(self, work: Callable[[TimeLimit], Found]) -> Found:
        """What ``work`` gives, which runs this loader with each wait within the limit it is given.

        Raises DataError, LoaderError or LoaderStalled with a message of one line. The work is done again
        where another loader's worker is reported as dead in it, and must be able to start anew.
        """
        others = set(active_children()) - self._own
        self._dead = dead_workers().keys()
        unrelated = {process.pid for process in others} | self._dead - {process.pid for process in self._own}
        limit = self._bound(others)
        try:
            while True:
                try:
                    return work(limit)
                except RuntimeError as error:
                    # torch reports a dead worker wherever the main thread happens to be. The loader
                    # that it belongs to fails in its own epoch; this epoch is run again.
                    if dead_worker(error) not in unrelated:
                        raise
                    unrelated.discard(dead_worker(error))
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
            self.resume()
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
