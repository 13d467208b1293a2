"""How many cores this process may really use. Standard library only."""

from __future__ import annotations

import math
import os
from pathlib import Path

_PROC = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cores(*, groups: Path = _PROC, mount: Path = _MOUNT) -> int:
    """The least of the affinity mask, the cgroup's CPU quota (rounded up) and the cores there are;
    at least 1.

    torch's own warning about too many workers looks at the affinity only, and a container's quota
    is not in it. ``groups`` and ``mount`` are where the kernel lists this process's cgroups and
    where they are mounted.
    """
    counts = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        counts.append(len(os.sched_getaffinity(0)))
    quota = cgroup_quota(groups=groups, mount=mount)
    if quota is not None:
        counts.append(math.ceil(quota))
    return max(1, min(counts))


def cgroup_quota(*, groups: Path = _PROC, mount: Path = _MOUNT) -> float | None:
    """The CPU quota in cores, the tightest one on the way to the root; None where there is none (v1
    and v2).
    """
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            quotas += [q for folder in _upwards(mount, path) if (q := _v2(folder)) is not None]
        elif "cpu" in controllers.split(","):
            for root in (mount / controllers, mount / "cpu"):
                quotas += [q for folder in _upwards(root, path) if (q := _v1(folder)) is not None]
    return min(quotas, default=None)


def _upwards(root: Path, path: str) -> list[Path]:
    # Inside a container the path may name folders that only exist outside; those simply hold nothing to read.
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def worker_counts(cores: int, gpus: int) -> list[int]:
    """Worker counts worth trying: powers of two up to twice the cores, 16 at most, and the taught
    four a GPU.
    """
    powers = [2**power for power in range(5) if 2**power <= 2 * cores]
    return sorted({*powers, 4 * max(1, gpus)})
