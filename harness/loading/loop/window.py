"""A window of steady running: what a loader costs a loop once it has got going, and before it runs out.

The start of an epoch is not typical of it: workers start, and queues fill or are found full. So
nothing counts until every worker has delivered what it keeps ready, and the window closes while all
of them are still at work. Whole epochs would need twenty times the batches to drown the same error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, lcm
from time import perf_counter

from harness.errors import HarnessError
from harness.loading.data.folder import DataError
from harness.loading.loop.epoch import Batch, Step
from harness.model import LoaderSample
from harness.plural import counted

EPOCH_BATCHES = 8
"""Batches of the small epoch of a loader without workers. Others have a multiple of it, so that the same
images come equally often whatever the number of workers."""

TURNS = 3
"""Batches of each worker in a small epoch, at the least."""


BACK = "the clock went back while a loader was timed: measure again"


class TooFewBatches(DataError):
    """The batches ended before the window was closed."""


class ClockWentBack(HarnessError):
    """The clock showed an earlier moment at the end than at the beginning."""


@dataclass(frozen=True, slots=True)
class Meters:
    """What is read at both ends of a window: CPU-seconds and bytes from disks, of all processes at work."""

    cpu_seconds: float = 0.0
    disk_bytes: int = 0


def steady(
    batches: Iterable[Batch],
    step: Step | None,
    *,
    discard: int,
    count: int,
    least_seconds: float = 0.0,
    longest_seconds: float = inf,
    most_seconds: float = inf,
    settle: Callable[[], object] = lambda: None,
    meters: Callable[[], Meters] = Meters,
    copied: Callable[[], float] | None = None,
    now: Callable[[], float] = perf_counter,
) -> LoaderSample:
    """Run the loop and time ``count`` batches after the first ``discard``, or a multiple that lasts
    ``least_seconds``.

    A window that is ``longest_seconds`` old is closed after the batch under way, whatever its number.
    ``most_seconds`` is how long all of it may take: the batch that is prepared then is the last,
    and there is one at least. A sample that is cut off in that way counts from its beginning, the
    start of the workers included: batches that were prepared before a window would make it look
    faster than it is, and there may be few others. ``settle`` waits until the device has nothing
    left to do: that belongs to the window. ``meters`` are read outside it. ``copied`` gives the
    seconds that copies to a device took so far, which are no wait for a batch. Raises TooFewBatches
    where the batches end before the window is closed, and ClockWentBack.
    """
    so_far = copied or (lambda: 0.0)
    iterator = iter(batches)
    opened = begun = meters()
    start = begin = now()
    waits: list[float] = []
    sizes: list[int] = []
    first = 0  # the first batch that counts
    while not (cut := bool(waits) and now() - begin >= most_seconds):
        if len(waits) == discard:
            settle()
            first, opened, start = discard, meters(), now()
        requested, before = now(), so_far()
        batch = _next(iterator, len(waits), discard + count)
        waits.append(now() - requested - (so_far() - before))
        if now() < requested:
            raise ClockWentBack(BACK)
        sizes.append(len(batch[1]))
        if step is not None:
            step(batch[0], batch[1])
        # An image batch kept until the next one arrives would be a second batch in memory.
        del batch
        timed = len(waits) - discard
        lasted = now() - start
        if timed > 0 and (lasted >= longest_seconds or (timed % count == 0 and lasted >= least_seconds)):
            break
    if cut:
        first, opened, start = 0, begun, begin
    settle()
    seconds = now() - start
    if seconds < 0:
        raise ClockWentBack(BACK)
    closed = meters()
    first_seconds, samples = waits[0], sum(sizes[first:])
    waits = sorted(waits[first:])
    return LoaderSample(
        seconds / samples,
        samples,
        {
            "wait_seconds": sum(waits) / samples,
            "wait_p50_seconds": waits[(len(waits) - 1) // 2],
            "wait_p99_seconds": waits[-(-99 * len(waits) // 100) - 1],
            "first_batch_seconds": first_seconds,
            "cpu_seconds": max(0.0, closed.cpu_seconds - opened.cpu_seconds) / samples,
            "disk_bytes": max(0, closed.disk_bytes - opened.disk_bytes) / samples,
        },
        cut,
    )


def window_batches(workers: int) -> int:
    """Batches of the small epoch of a loader with so many workers, of which its windows are multiples.

    By its own depth, not by that of the deepest loader of a case: on a machine with many cores the windows
    of a loader without workers would take minutes. All workers have equally many.
    """
    step = lcm(EPOCH_BATCHES, max(1, workers))
    return step * max(1, -(-TURNS * workers // step))


def _next(iterator: object, number: int, wanted: int) -> Batch:
    batch: Batch | None = next(iterator, None)  # type: ignore[call-overload]
    if batch is None:
        raise TooFewBatches(
            f"the images were used up after {number} of {counted(wanted, 'batch', 'batches')}: name a folder with more "
            "images, or a smaller --batch-size"
        )
    return batch
