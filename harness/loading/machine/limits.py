"""How many worker processes this machine can carry: by cores, memory and shared memory. Standard
library only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.loading.machine.cores import usable_cores
from harness.model import WorkerLimit
from harness.plural import counted

PER_CORE = 2
"""Workers a usable core may have: one that waits for a disk leaves its core to the other, and more
only take turns."""

WORKER_BYTES = 48 * 2**20
"""Memory of a forked worker of its own, without its batches, and some for the pages that it copies
as time goes on."""

SHARE = 0.8
"""The part of the free memory that workers may take: the loop, the page cache and the neighbours
need the rest."""

SHARED_MEMORY = Path("/dev/shm")
REMEDY = "use fewer workers, a smaller prefetch_factor or smaller batches"


@dataclass(frozen=True, slots=True)
class FreeBytes:
    """Bytes free of something and bytes in all; ``name`` is what it is of."""

    free: int
    total: int
    name: str

    def __str__(self) -> str:
        return f"{size(self.free)} of {size(self.total)} free in {self.name}"


@dataclass(frozen=True, slots=True)
class WorkerRoom:
    """What a machine offers to workers; None where it is unknown."""

    cores: int
    memory: FreeBytes | None
    shared: FreeBytes | None


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that bounds the number of workers: what there is of it (cores, bytes), and how many
    workers that is.
    """

    name: WorkerLimit
    value: int
    most: int
    sentence: str


@dataclass(frozen=True, slots=True)
class WorkerCap:
    """The number of workers a machine can carry, 0 where not even one fits, and every limit that
    was looked at.
    """

    most: int
    limits: tuple[Limit, ...]

    @property
    def reason(self) -> str:
        """Why no more: the sentence of the tightest limit."""
        return min(self.limits, key=lambda limit: limit.most).sentence


def worker_cap(
    batch_bytes: int,
    prefetch_factor: int = 2,
    *,
    worker_bytes: int = WORKER_BYTES,
    machine: WorkerRoom | None = None,
) -> WorkerCap:
    """The workers that a DataLoader can have with batches of ``batch_bytes``; ``machine`` is this
    one where None.

    A worker needs memory of its own (``worker_bytes``: 30 MiB were measured on a forked one that
    decodes photographs, 390 MiB on a spawned one, which imports torch anew), the samples of the
    batch it makes, and ``prefetch_factor`` finished batches in shared memory, which is memory as
    well. The loop holds one more batch.
    """
    there = machine or this_machine()
    limits = [Limit(WorkerLimit.CORES, there.cores, PER_CORE * there.cores, _cores(there.cores))]
    batches = max(1, prefetch_factor)
    if (room := there.memory) is not None:
        each = worker_bytes + (batches + 1) * batch_bytes
        usable = int(SHARE * room.free) - batch_bytes
        held = counted(batches + 1, "batch", "batches")
        sentence = f"{room}; a worker takes {size(each)}: {size(worker_bytes)} of its own and {held}"
        limits.append(Limit(WorkerLimit.MEMORY, room.free, _fitting(usable, each), sentence))
    if (room := there.shared) is not None:
        each = batches * batch_bytes
        sentence = (
            f"{room}, where each worker keeps {counted(batches, 'batch', 'batches')} of {size(batch_bytes)}"
        )
        limits.append(
            Limit(WorkerLimit.SHARED_MEMORY, room.free, _fitting(room.free - batch_bytes, each), sentence)
        )
    return WorkerCap(min(limit.most for limit in limits), tuple(limits))


def this_machine(
    *, proc: Path = Path("/proc"), mount: Path = Path("/sys/fs/cgroup"), shared: Path = SHARED_MEMORY
) -> WorkerRoom:
    """What this machine offers now, to this process and its children."""
    cores = usable_cores(groups=proc / "self" / "cgroup", mount=mount)
    return WorkerRoom(cores, free_memory(proc=proc, mount=mount), free_shared(shared))


def free_shared(
    place: Path = SHARED_MEMORY, look: Callable[[Path], os.statvfs_result] = os.statvfs
) -> FreeBytes | None:
    """The shared memory through which workers hand over their batches; None where there is no such place."""
    try:
        found = look(place)
    except OSError:
        return None
    return FreeBytes(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, str(place))


def free_memory(*, proc: Path = Path("/proc"), mount: Path = Path("/sys/fs/cgroup")) -> FreeBytes | None:
    """The memory this process may still take: the machine's, or what its tightest cgroup leaves;
    None where unknown.

    Pages of files that a cgroup holds count as free: the kernel drops them before it kills a process.
    """
    rooms = [
        room
        for folder in _memory_groups(proc / "self" / "cgroup", mount)
        if (room := _left(folder)) is not None
    ]
    with suppress(OSError, ValueError, KeyError):
        info = _numbers(proc / "meminfo")
        rooms.append(FreeBytes(1024 * info["MemAvailable"], 1024 * info["MemTotal"], "memory"))
    return min(rooms, key=lambda room: room.free, default=None)


def size(count: int) -> str:
    """Bytes as people write them."""
    if count >= 10 * 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.4g} MiB" if count >= 2**20 else f"{count / 2**10:.4g} KiB"


def _cores(cores: int) -> str:
    return f"{counted(cores, 'usable core')}, {counted(PER_CORE, 'worker')} each"


def _fitting(usable: int, each: int) -> int:
    return max(0, usable // max(1, each))


def _memory_groups(groups: Path, mount: Path) -> Iterator[Path]:
    """The folders of this process's memory cgroup and its ancestors, of version 1 and 2, there or not."""
    lines: list[str] = []
    with suppress(OSError):
        lines = groups.read_text().splitlines()
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root = mount
        elif "memory" in controllers.split(","):
            root = mount / "memory"
        else:
            continue
        # Inside a container the path may name folders that only exist outside.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        yield from (root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))


def _left(folder: Path) -> FreeBytes | None:
    limits = [
        int(text)
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
        if (text := _text(folder / name)).isdecimal()
    ]
    used = _text(folder / "memory.current") or _text(folder / "memory.usage_in_bytes")
    # Version 1 writes "no limit" as the largest whole number of pages.
    if not limits or min(limits) >= 2**60 or not used.isdecimal():
        return None
    files = 0
    with suppress(OSError, ValueError):
        stat = _numbers(folder / "memory.stat")
        # In version 1 the plain lines leave the groups below out, which the usage counts.
        files = sum(stat.get(f"total_{name}", stat.get(name, 0)) for name in ("active_file", "inactive_file"))
    limit = min(limits)
    return FreeBytes(min(limit, max(0, limit - int(used) + files)), limit, "the memory of its cgroup")


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _numbers(file: Path) -> dict[str, int]:
    """Lines such as ``name: 12 kB`` or ``name 12``."""
    pairs = (line.replace(":", " ").split() for line in file.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1}
