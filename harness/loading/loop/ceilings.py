"""What no loader can beat here: how fast files come from the disk, and batches to the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch

from harness.loading.machine.page_cache import disk_bytes, evict

PROC = Path("/proc")


class Samples(Protocol):
    """A map-style dataset whose samples begin with the image."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Any: ...


def one_core_seconds(
    dataset: Samples,
    batch_size: int,
    most_seconds: float = inf,
    *,
    finish: Callable[[torch.Tensor], torch.Tensor] | None = None,
    now: Callable[[], float] = perf_counter,
) -> float:
    """Seconds a sample that this process needs to decode and transform a dataset's samples, and to
    ``finish`` batches.

    Takes one sample at least, and begins none after ``most_seconds`` of such work. There are no
    queues and no other processes; making batches does not count.
    """
    waiting: list[torch.Tensor] = []
    spent = 0.0
    done = 0
    while done < len(dataset) and (not done or spent < most_seconds):
        start = now()
        sample = dataset[done]
        spent += now() - start
        done += 1
        if finish is None:
            continue
        waiting.append(sample[0])
        if len(waiting) == batch_size or done == len(dataset) or spent >= most_seconds:
            batch = torch.stack(waiting)
            waiting.clear()
            start = now()
            finish(batch)
            spent += now() - start
    return spent / done


def disk_rate(
    paths: Sequence[str | Path],
    pid: int,
    most_seconds: float = inf,
    *,
    proc: Path = PROC,
    now: Callable[[], float] = perf_counter,
) -> float | None:
    """Samples a second that one thread reads from the disk, one file after another; None where
    nothing is on a disk.

    The files are put out of the page cache first. ``pid`` is this process. Reads one file at least,
    and none after ``most_seconds``.
    """
    evict(paths)
    before = disk_bytes([pid], proc=proc)
    start = now()
    read = 0
    for path in paths:
        Path(path).read_bytes()
        read += 1
        if now() - start >= most_seconds:
            break
    seconds = now() - start
    return read / seconds if disk_bytes([pid], proc=proc) > before and seconds > 0 else None


def copy_rate(batch_size: int, sample_bytes: int, device: torch.device, *, rounds: int = 20) -> float | None:
    """Samples a second from page-locked memory to a GPU, batch after batch; None where there is no GPU."""
    if device.type != "cuda":
        return None
    host = torch.empty(batch_size * sample_bytes, dtype=torch.uint8).pin_memory()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    host.to(device, non_blocking=True)
    start.record()
    for _ in range(rounds):
        host.to(device, non_blocking=True)
    end.record()
    end.synchronize()
    return 1000 * rounds * batch_size / float(start.elapsed_time(end))
