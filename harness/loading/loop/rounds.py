"""Rounds of a loader that are windows of steady running, one after the other on the same running loader.

Between two rounds the loader is held as it is: its worker processes are stopped in the middle of their work,
and threads of this process have run until their queues were full. So no loader works in another's round, and
each round begins in the state that the one before ended in. What was prepared before it is used up by a
lead-in that does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from time import perf_counter
from types import TracebackType
from typing import ParamSpec, Self

from harness.loading.errors.timeout import TimeLimit
from harness.loading.loop.epoch import Batch, Epoch
from harness.loading.loop.loader import Loader
from harness.loading.loop.window import BACK, ClockWentBack, Meters, TooFewBatches, steady
from harness.loading.machine.idle import await_idle
from harness.measure.runner import SUMS, Round
from harness.model import LoaderSample, WarningCode

LEAST_SECONDS = 0.1
"""Seconds that a window lasts at the least.

Where workers run on the cores that the loop needs, a window is off by how they were placed when they went on,
for as long as it lasts: for equal loaders of two workers on two cores, a pair of windows differs by 8 to 10 %
if they last 0.1 s and by 6 to 9 % if they last 0.3 s. Many short windows cost less than a few long ones.
"""

LONGEST_SECONDS = 2.0
"""Seconds after which a window is closed in the middle of an epoch: where a step takes as long, what is in a
batch hardly matters."""

IDLE_SECONDS = 2.0
"""Seconds that threads get to fill their queues after a round."""

Options = ParamSpec("Options")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a whole epoch was: its batches and samples, and its seconds."""

    batches: int
    samples: int
    seconds: float


class SteadyRounds:
    """A loader that is called for a whole epoch, whose samples can be checked, and timed in windows.

    A window is as many epochs as fill `LEAST_SECONDS`, from the middle of one that has no end: the same
    samples for every variant, and all workers at work throughout. Where a loader's epochs end, a window lies
    inside one of them; where they are too short for that, whole epochs are timed, with a warning.

    Use as a context manager: the loader is closed with it.
    """

    def __init__(
        self,
        loader: Loader,
        *,
        now: Callable[[], float] = perf_counter,
        idle: Callable[[float], bool] = await_idle,
    ) -> None:
        self.loader = loader
        self._now = now
        self._idle = idle
        self._shape: _Shape | None = None
        self._batches: Iterator[Batch] | None = None
        self._ends = False
        self._taken = 0
        self._whole_epochs = False

    def __enter__(self) -> Self:
        self.loader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An epoch that is let go joins its workers; stopped ones would be waited for in vain.
        self.loader.resume()
        self._batches = None
        self.loader.__exit__(kind, error, trace)

    def __call__(self) -> Epoch:
        """Run one whole epoch."""
        self._abandon()
        begin = self._now()
        epoch = self.loader()
        self._shape = _Shape(epoch.batches, epoch.ids.numel(), self._now() - begin)
        return epoch

    def alone(self) -> Epoch:
        """Run one whole epoch without the step."""
        self._abandon()
        return self.loader.alone()

    def leave_early(self) -> None:
        """Leave an epoch early, as user code does."""
        self._abandon()
        self.loader.leave_early()

    @property
    def window_seconds(self) -> float:
        """About how long a round takes with its lead-in; known after the first call."""
        shape = self._shape or _Shape(1, 1, 0.0)
        each = shape.seconds / max(1, shape.batches)
        return self.loader.depth * each + max(LEAST_SECONDS, min(shape.seconds, LONGEST_SECONDS))

    def window(self, cpu_seconds: Callable[[], float]) -> Round:
        """One round. ``cpu_seconds`` are those that this process and its workers have used so far.

        Its ``part`` is in epochs, and its readings are of one epoch. A round in which the clock went back, or
        the batches ended, is measured again, and the second time whole epochs are. Raises ClockWentBack if
        it does so twice, and what the loader raises.
        """
        warnings: list[WarningCode] = []
        found: Round | None = None
        self.loader.resume()
        while found is None:
            running = self._batches is not None
            try:
                found = self._epochs(cpu_seconds) if self._whole_epochs else self._steady(cpu_seconds)
            except ClockWentBack:
                self._abandon()
                if WarningCode.CLOCK_WENT_BACK in warnings:
                    raise
                warnings.append(WarningCode.CLOCK_WENT_BACK)
            except TooFewBatches:
                self._abandon()
                # An epoch that had begun before may have had enough.
                self._whole_epochs = not running
        self.loader.pause()
        if not self._idle(IDLE_SECONDS):
            warnings.append(WarningCode.STILL_WORKING)
        if self._whole_epochs:
            warnings.append(WarningCode.FEW_BATCHES)
        return replace(found, warnings=(*found.warnings, *warnings))

    def _abandon(self) -> None:
        """Do without the epoch that is under way, if any; the next one begins with idle workers."""
        batches, self._batches = self._batches, None
        self.loader.resume()
        if batches is not None:
            with closing(batches):  # type: ignore[type-var]
                pass

    def _steady(self, cpu_seconds: Callable[[], float]) -> Round:
        shape, loader = self._shape, self.loader
        if shape is None:
            raise RuntimeError(
                "a loader has no rounds before its first epoch has shown how long one is: call it"
            )
        count = shape.batches
        least = LEAST_SECONDS
        if self._ends:
            self._abandon()
        self._begin()
        if self._ends:
            # The last batches of an epoch come when some of the workers have nothing left to do.
            count, least = shape.batches - 2 * loader.depth, 0.0
            if count < max(1, loader.depth):
                raise TooFewBatches("an epoch is too short for a window")
        counters: list[dict[str, float]] = []

        def meters() -> Meters:
            counters.append(dict(loader.counters()))
            return Meters(cpu_seconds())

        def work(limit: TimeLimit) -> LoaderSample:
            self._taken = 0
            try:
                with limit:
                    return steady(
                        self._bounded(limit), loader.step, discard=loader.depth, count=count, least_seconds=least,
                        longest_seconds=LONGEST_SECONDS, settle=self._settle, meters=meters, copied=loader.copied,
                        now=self._now,
                    )  # fmt: skip
            except BaseException:
                self._batches = None
                raise

        sample = loader.guarded(work)
        part = sample.samples / shape.samples
        kept = {name: sample.readings[name] for name in ("wait_p50_seconds", "wait_p99_seconds")}
        sums = {name: sample.readings[name] * shape.samples for name in ("wait_seconds", "cpu_seconds")}
        opened, closed = counters[-2:]
        grown = {name: (value - opened[name]) / part for name, value in closed.items()}
        # By batches: where the last of an epoch is short, those of an epoch without an end are not.
        cut = least and (self._taken - loader.depth) % count
        warnings = (WarningCode.WINDOW_CUT,) if cut else ()
        return Round(sample.seconds * sample.samples, None, {**kept, **sums, **grown}, part, warnings)

    def _begin(self) -> None:
        if self._batches is None:
            self._batches = self.loader.endless()
            self._ends = self._batches is None
        if self._batches is None:
            self._batches = iter(self.loader.batches())

    def _bounded(self, limit: TimeLimit) -> Iterator[Batch]:
        self._begin()  # anew, where another loader's dead worker broke off the last attempt
        batches = self._batches
        while (batch := limit.over(next, batches, None)) is not None:
            self._taken += 1
            yield batch
            # An image batch kept until the next one arrives would be a second batch in memory.
            del batch

    def _epochs(self, cpu_seconds: Callable[[], float]) -> Round:
        """Whole epochs, as many as fill `LEAST_SECONDS`."""
        self._abandon()
        sums: dict[str, float] = {}
        epochs, used, begin = 0, cpu_seconds(), self._now()
        while not epochs or self._now() - begin < LEAST_SECONDS:
            readings = self.loader().readings
            epochs += 1
            for name in SUMS & readings.keys():
                sums[name] = sums.get(name, 0.0) + readings[name]
        self._settle()
        seconds = self._now() - begin
        if seconds < 0:
            raise ClockWentBack(BACK)
        sums["cpu_seconds"] = cpu_seconds() - used
        each = {name: value / epochs for name, value in sums.items()}
        return Round(seconds, None, {**readings, **each}, float(epochs))

    def _settle(self) -> None:
        if self.loader.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.loader.device)


def in_windows(
    loader: Callable[Options, Loader], *arguments: Options.args, **options: Options.kwargs
) -> SteadyRounds:
    """A loader whose rounds are windows, for `prepared`: ``prepared(in_windows, PlainLoader, dataset,
    ...)``."""
    return SteadyRounds(loader(*arguments, **options))
