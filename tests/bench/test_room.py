"""Room on the disk: a run is not begun without it, and ends in order where it runs out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import store
from harness.bench import room
from harness.bench.run import bench
from harness.bench.settings import Settings
from harness.model import EndReason
from harness.report.next_command import next_command
from harness.store import StoreError
from tests.support.played import A, Play, Screen, called


def test_it_is_asked_of_the_nearest_folder_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of saved runs need not exist yet; the message names it, what it has and what to do."""
    room.check_room(tmp_path / "results" / "new")
    asked: list[Path] = []

    def full(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(f_bavail=room.LOW // 4096 - 1, f_frsize=4096)

    monkeypatch.setattr(room, "os", SimpleNamespace(statvfs=full))
    with pytest.raises(StoreError, match=r"new has 64.0 MiB left, .* below 64.0 MiB; make room there"):
        room.check_room(tmp_path / "results" / "new")
    assert asked == [tmp_path]


def test_a_run_that_runs_out_of_room_can_be_resumed(
    folder: Path, play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured before is kept, the end is recorded, and the report names the command."""
    one = play(called(A), ratios={"tip": 0.5})
    free = os.statvfs(folder)
    monkeypatch.setattr(
        room, "os",
        SimpleNamespace(statvfs=lambda _: free if len(one.requests) < 2 else SimpleNamespace(f_bavail=1, f_frsize=1)),
    )  # fmt: skip
    settings = Settings(folder / "benchmarks", folder / "results", select=("A",), watch=0.0)
    with pytest.raises(StoreError, match="measuring stops below"):
        bench(settings, Screen(), width=1, command=("bench",))
    (there,) = store.run_folders(folder / "results")
    found = store.load(there)
    assert (found.ended.reason, len(found.measurements)) == (EndReason.STOPPED, 2)
    assert "--resume" in next_command(found, ()).command
