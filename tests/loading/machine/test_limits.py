"""How many workers a machine can carry: every limit by itself, the tightest one named, both versions of
cgroups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.loading.machine.limits import (
    PER_CORE,
    SHARE,
    WORKER_BYTES,
    FreeBytes,
    WorkerRoom,
    free_memory,
    free_shared,
    size,
    this_machine,
    worker_cap,
)
from harness.model import WorkerLimit

MIB = 2**20
GIB = 2**30


def _room(free: int) -> FreeBytes:
    return FreeBytes(free, 4 * free, "something")


def _proc(root: Path, groups: str = "", available: int | None = 8 * GIB) -> Path:
    proc = root / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(groups)
    if available is not None:
        (proc / "meminfo").write_text(
            f"MemTotal: {16 * GIB // 1024} kB\nMemAvailable:   {available // 1024} kB\n"
        )
    return proc


def _mount(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        place = root / "mount" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return root / "mount"


# --- the cap ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "most", "word"),
    [
        (WorkerRoom(3, _room(64 * GIB), _room(64 * GIB)), 3 * PER_CORE, "cores"),
        (WorkerRoom(64, _room(2 * GIB), _room(64 * GIB)), None, "of its own and 3 batches"),
        (WorkerRoom(64, _room(64 * GIB), _room(64 * MIB)), 2, "keeps 2 batches of 10 MiB"),
        (WorkerRoom(64, _room(64 * GIB), _room(29 * MIB)), 0, "keeps 2 batches"),
        (WorkerRoom(64, _room(30 * MIB), _room(64 * GIB)), 0, "30 MiB of 120 MiB free in something"),
        (WorkerRoom(1, None, None), PER_CORE, "1 usable core,"),
    ],
)
def test_tightest_limit(machine: WorkerRoom, most: int | None, word: str) -> None:
    """Cores, memory and shared memory each bound the workers, and the one that binds is the reason."""
    cap = worker_cap(10 * MIB, machine=machine)
    if most is None:
        most = int((SHARE * 2 * GIB - 10 * MIB) // (WORKER_BYTES + 30 * MIB))
        assert most > 0
    assert cap.most == most == min(limit.most for limit in cap.limits)
    assert word in cap.reason


def test_what_is_kept_ready_counts() -> None:
    """More batches ahead and larger workers leave room for fewer workers; the loop's own batch is not
    theirs."""
    machine = WorkerRoom(64, _room(2 * GIB), _room(100 * MIB))

    def most(name: str, **options: int) -> int:
        cap = worker_cap(10 * MIB, machine=machine, **options)
        return next(limit.most for limit in cap.limits if limit.name == name)

    assert [most("shared memory", prefetch_factor=ahead) for ahead in (1, 2, 3, 9, 10)] == [9, 4, 3, 1, 0]
    assert most("memory", prefetch_factor=8) < most("memory", prefetch_factor=1)
    assert most("memory", worker_bytes=300 * MIB) == int((SHARE * 2 * GIB - 10 * MIB) // (330 * MIB))


def test_every_limit_is_listed() -> None:
    """A cap lists each limit with its value; what a machine does not report bounds nothing."""
    cap = worker_cap(MIB, machine=WorkerRoom(2, _room(GIB), None))
    assert [(limit.name, limit.value) for limit in cap.limits] == [("cores", 2), ("memory", GIB)]
    assert cap.most == 2 * PER_CORE


def test_this_machine() -> None:
    """On the real machine there is a cap, and it is the cores' where batches are small."""
    cap = worker_cap(1)
    assert 0 <= cap.most <= PER_CORE * (os.cpu_count() or 1)
    assert cap.reason


# --- memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "files", "free", "total"),
    [
        pytest.param("", {}, 8 * GIB, 16 * GIB, id="no cgroups"),
        pytest.param(
            "0::/a/b\n",
            {
                "a/b/memory.max": "max",
                "a/b/memory.current": "5",
                "a/memory.max": f"{GIB}",
                "a/memory.current": f"{GIB // 4}",
            },
            GIB - GIB // 4,
            GIB,
            id="v2, an ancestor's",
        ),
        pytest.param(
            "0::/a\n",
            {
                "a/memory.max": f"{2 * GIB}",
                "a/memory.current": f"{2 * GIB}",
                "a/memory.stat": f"anon 1\nfile 99\ninactive_file {GIB // 2}\nactive_file {GIB // 4}\nshmem 7\n",
            },
            GIB // 2 + GIB // 4,
            2 * GIB,
            id="v2, full of files' pages",
        ),
        pytest.param(
            "0::/a\n",
            {"a/memory.max": f"{2 * GIB}", "a/memory.high": f"{GIB}", "a/memory.current": "0"},
            GIB,
            GIB,
            id="v2, throttled before its end",
        ),
        pytest.param(
            "0::/a\n",
            {"a/memory.max": f"{GIB}", "a/memory.current": f"{3 * GIB}"},
            0,
            GIB,
            id="v2, above its limit",
        ),
        pytest.param(
            "9:name=systemd:/\n4:memory:/job\n0::/\n",
            {
                "memory/job/memory.limit_in_bytes": f"{GIB}",
                "memory/job/memory.usage_in_bytes": f"{GIB // 2}",
                "memory/job/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 8}\ntotal_active_file 0\n",
            },
            GIB // 2 + GIB // 8,
            GIB,
            id="v1",
        ),
        pytest.param(
            "4:memory:/outside\n",
            {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "1"},
            8 * GIB,
            16 * GIB,
            id="v1, no limit",
        ),
        pytest.param(
            "0::/a\n", {"a/memory.max": "nonsense", "a/memory.current": "1"}, 8 * GIB, 16 * GIB, id="nonsense"
        ),
        pytest.param("0::/a\n", {"a/memory.max": f"{GIB}"}, 8 * GIB, 16 * GIB, id="usage not reported"),
        pytest.param(
            "0::/a\n",
            {"a/memory.max": f"{64 * GIB}", "a/memory.current": "0"},
            8 * GIB,
            16 * GIB,
            id="roomy cgroup",
        ),
    ],
)
def test_free_memory(tmp_path: Path, groups: str, files: dict[str, str], free: int, total: int) -> None:
    """The tightest of the machine and the cgroups counts; pages of files are free, and nonsense bounds
    nothing."""
    room = free_memory(proc=_proc(tmp_path, groups), mount=_mount(tmp_path, files))
    assert room is not None
    assert (room.free, room.total) == (free, total)


def test_memory_unknown(tmp_path: Path) -> None:
    """A system that does not report its memory gets no limit from it."""
    unlimited = {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "1"}
    proc = _proc(tmp_path, "4:memory:/\n", available=None)
    assert free_memory(proc=proc, mount=_mount(tmp_path, unlimited)) is None
    machine = this_machine(proc=tmp_path / "nowhere", mount=tmp_path, shared=tmp_path / "nowhere")
    assert (machine.memory, machine.shared) == (None, None) and machine.cores >= 1


# --- shared memory ------------------------------------------------------------------------------------------


def test_free_shared(tmp_path: Path) -> None:
    """What unprivileged users may still take counts, and a file that holds some shows."""
    fields = [4096, 4096, 100, 90, 80, 0, 0, 0, 0, 255]
    assert free_shared(tmp_path, lambda place: os.statvfs_result(fields)) == FreeBytes(
        80 * 4096, 100 * 4096, str(tmp_path)
    )
    assert free_shared(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 KiB"), (4096, "4 KiB"), (64 * MIB, "64 MiB"), (1536 * MIB, "1536 MiB"), (12 * GIB, "12.0 GiB")],
)
def test_sizes(count: int, text: str) -> None:
    """Bytes are written in the unit people set limits in."""
    assert size(count) == text


def test_one_is_singular() -> None:
    """A queue of one batch, a worker, a core: each sentence counts as people do."""
    room = FreeBytes(2**30, 2**31, "memory")
    sentences = {
        limit.name: limit.sentence for limit in worker_cap(2**20, 1, machine=WorkerRoom(1, room, room)).limits
    }
    assert sentences[WorkerLimit.CORES] == "1 usable core, 2 workers each"
    assert sentences[WorkerLimit.SHARED_MEMORY].endswith("where each worker keeps 1 batch of 1 MiB")
    assert sentences[WorkerLimit.MEMORY].endswith("and 2 batches")
