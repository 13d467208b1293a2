"""A window of steady running: what a loader costs a loop once it has got going, and before it runs out.

The start of an epoch is not typical of it: workers start, and queues fill or are found full. So nothing counts until
every worker has delivered what it keeps ready, and the window closes while all of them are still at work. Whole epochs
would need twenty times the batches to drown the same error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

from harness.loading.images.folder import DataError
from harness.loading.loop.epoch import Batch, Step
from harness.model import Lap


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
    settle: Callable[[], object] = lambda: None,
    meters: Callable[[], Meters] = Meters,
    now: Callable[[], float] = perf_counter,
) -> Lap:
    """Run the loop and time ``count`` batches after the first ``discard``, or a multiple that lasts ``least_seconds``.

    ``settle`` waits until the device has nothing left to do: that belongs to the window. ``meters`` are read outside
    it. Raises DataError where the batches end before the window is closed.
    """
    iterator = iter(batches)
    begin = now()
    first_seconds = 0.0
    for number in range(discard):
        batch = _next(iterator, number, discard + count)
        if not number:
            first_seconds = now() - begin
        if step is not None:
            step(batch[0], batch[1])
        del batch
    settle()
    opened = meters()
    waits: list[float] = []
    samples = 0
    start = now()
    while True:
        for number in range(count):
            asked = now()
            batch = _next(iterator, discard + len(waits), discard + count)
            waits.append(now() - asked)
            samples += len(batch[1])
            if step is not None:
                step(batch[0], batch[1])
            # An image batch kept until the next one arrives would be a second batch in memory.
            del batch, number
        if now() - start >= least_seconds:
            break
    settle()
    seconds = now() - start
    closed = meters()
    waits.sort()
    return Lap(
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
    )


def _next(iterator: object, number: int, wanted: int) -> Batch:
    batch: Batch | None = next(iterator, None)  # type: ignore[call-overload]
    if batch is None:
        raise DataError(
            f"the images were used up after {number} of {wanted} batches: name a folder with more images, or a smaller "
            "--batch-size"
        )
    return batch
