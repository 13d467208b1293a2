"""Usable cores: the tightest of what the machine, the affinity mask and the cgroups allow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.loading.machine.cores import cgroup_quota, usable_cores, worker_counts


def _kernel(root: Path, groups: str, files: dict[str, str]) -> dict[str, Path]:
    (root / "cgroup").write_text(groups)
    for name, content in files.items():
        place = root / "mount" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return {"groups": root / "cgroup", "mount": root / "mount"}


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        (
            "0::/a/b\n",
            {"cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"},
            1.5,
        ),
        ("0::/a/b\n", {"a/cpu.max": "800000 100000\n", "a/b/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/../../outside\n", {"cpu.max": "200000 100000\n"}, 2.0),
        (
            "4:cpu,cpuacct:/job\n1:name=x:/\n",
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "300000", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"},
            3.0,
        ),
        ("4:cpu,cpuacct:/job\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense\n"}, None),
        ("", {}, None),
    ],
)
def test_quota(tmp_path: Path, groups: str, files: dict[str, str], quota: float | None) -> None:
    """Both cgroup versions are read, an ancestor's quota counts, and unreadable files mean none."""
    assert cgroup_quota(**_kernel(tmp_path, groups, files)) == quota


def test_quota_without_cgroups(tmp_path: Path) -> None:
    """A system without cgroups has no quota."""
    assert cgroup_quota(groups=tmp_path / "absent", mount=tmp_path) is None


def test_usable_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fractional quota is rounded up, the affinity mask counts, and there is always one core."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    assert usable_cores(**_kernel(tmp_path, "0::/\n", {})) == 8
    assert usable_cores(**_kernel(tmp_path, "0::/\n", {"cpu.max": "250000 100000"})) == 3
    assert usable_cores(**_kernel(tmp_path, "0::/\n", {"cpu.max": "1000 100000"})) == 1


def test_worker_counts() -> None:
    """The sweep goes past the cores where they are few and always tries four workers a GPU."""
    assert worker_counts(2, 0) == [1, 2, 4]
    assert worker_counts(1, 0) == [1, 2, 4]
    assert worker_counts(16, 1) == [1, 2, 4, 8, 16]
    assert worker_counts(64, 8) == [1, 2, 4, 8, 16, 32]
