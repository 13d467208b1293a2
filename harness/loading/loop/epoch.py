"""Epochs: driving a loader from its first batch to its last, and what the loop waited for."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness.loading.errors.timeout import TimeLimit
from harness.plural import counted
from harness.probes.waits import waiting

if TYPE_CHECKING:
    from torch import Tensor

Batch: TypeAlias = "tuple[Tensor, Tensor, Tensor]"
"""Images [n, channels, height, width], labels [n] and ids [n]; labels and ids are integers."""

Step: TypeAlias = "Callable[[Tensor, Tensor], Tensor | None]"
"""A training step on images and labels; a number it returns is summed over the epoch."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch delivered and what it cost.

    ``ids`` and ``labels`` are int64 [samples], in the order of arrival; ``total`` is the sum of
    what the steps returned; ``readings`` are metrics of `harness.model`, in seconds.
    ``ending_seconds`` passed between the last step and the news that the epoch was over; ``batches`` is how
    many came.
    """

    ids: Tensor
    labels: Tensor
    total: float = 0.0
    readings: Mapping[str, float] = field(default_factory=dict)
    ending_seconds: float = field(default=0.0, kw_only=True)
    batches: int = field(default=0, kw_only=True)


def run_epoch(
    batches: Iterable[Batch],
    step: Step | None = None,
    limit: TimeLimit | None = None,
    *,
    copied: Callable[[], float] | None = None,
) -> Epoch:
    """Drive one whole epoch, starting with ``iter()``, with a training step for each batch where
    one is given.

    ``wait_seconds`` is all time spent in ``iter`` and ``next``, the first batch and the end of the
    epoch included. ``limit`` bounds each wait. ``copied`` gives the seconds that copies to a device
    took so far: they are ``copy_seconds``, and no wait for a batch. Raises LoaderStalled.
    """
    with limit or TimeLimit() as bound:
        return _run(batches, step, bound, copied)


def _run(
    batches: Iterable[Batch], step: Step | None, limit: TimeLimit, copied: Callable[[], float] | None
) -> Epoch:
    import torch

    so_far = copied or (lambda: 0.0)
    first = before = so_far()
    ids: list[Tensor] = []
    labels: list[Tensor] = []
    totals: list[Tensor] = []
    waits: list[float] = []
    begin = time.perf_counter()
    with waiting():
        iterator = limit.over(iter, batches)
    while True:
        with waiting():
            batch = limit.over(next, iterator, None)
        waits.append(time.perf_counter() - begin - (so_far() - before))
        if batch is None:
            break
        images, own_labels, own_ids = batch
        # Cloned: what workers send lives in shared memory, and each piece kept would hold a file descriptor.
        ids.append(own_ids.reshape(-1).clone())
        labels.append(own_labels.reshape(-1).clone())
        if step is not None and (returned := step(images, own_labels)) is not None:
            totals.append(returned)
        # An image batch kept until the next one arrives would be a second batch in memory.
        del batch, images, own_labels, own_ids
        begin, before = time.perf_counter(), so_far()
    readings = _readings(waits)
    if copied is not None:
        readings["copy_seconds"] = so_far() - first
    total = float(torch.stack(totals).double().sum()) if totals else 0.0
    return Epoch(
        _joined(ids), _joined(labels), total, readings, ending_seconds=waits[-1], batches=len(waits) - 1
    )


def _joined(parts: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(parts).to("cpu", torch.int64) if parts else torch.empty(0, dtype=torch.int64)


def _readings(waits: list[float]) -> dict[str, float]:
    # The last wait is for the news that the epoch is over: it counts in the sum, but no batch came of it.
    delivered = sorted(waits[:-1]) or [waits[-1]]
    return {
        "wait_seconds": sum(waits),
        "wait_p50_seconds": delivered[(len(delivered) - 1) // 2],
        "wait_p99_seconds": delivered[-(-99 * len(delivered) // 100) - 1],
        "first_batch_seconds": waits[0],
    }


def same_samples(expected: Epoch, got: Epoch) -> None:
    """Agree where both delivered the same multiset of ids with their labels; AssertionError names
    what differs.
    """
    wanted, seen = _samples(expected), _samples(got)
    if wanted == seen:
        return
    missing, surplus = wanted - seen, seen - wanted
    parts = [f"{counted(expected.ids.numel(), 'sample')} expected, {got.ids.numel()} delivered"]
    relabelled = sorted({sample for sample, _ in missing} & {sample for sample, _ in surplus})
    if relabelled:
        parts.append(f"with another label: {_some(relabelled)}")
    for word, counts in (("missing", missing), ("too many", surplus)):
        if others := sorted({sample for sample, _ in counts} - set(relabelled)):
            parts.append(f"{word}: {_some(others)}")
    if len(parts) == 1 or (relabelled and missing.total() != surplus.total()):
        parts.append("some ids a different number of times")
    raise AssertionError("; ".join(parts))


def same_pixels(expected: Epoch, got: Epoch) -> None:
    """As `same_samples`, and the totals (of pixels, where that is what the steps returned) agree to
    six digits.
    """
    same_samples(expected, got)
    if not math.isclose(expected.total, got.total, rel_tol=1e-6):
        raise AssertionError(f"the pixels that arrived add up to {got.total!r}, not {expected.total!r}")


def _samples(epoch: Epoch) -> Counter[tuple[int, int]]:
    return Counter(zip(epoch.ids.tolist(), epoch.labels.tolist(), strict=True))


def _some(ids: list[int], most: int = 8) -> str:
    shown = ", ".join(map(str, ids[:most]))
    return f"ids {shown}" + (f" and {len(ids) - most} more" if len(ids) > most else "")
