"""Threads at the start of a turn: moved apart, and free to go where they could before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.contest import placement
from harness.contest.placement import spread_threads


def test_threads_are_spread_and_their_masks_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thread gets the first core, the others the rest in turn; each mask is what it was."""
    here, cores = os.getpid(), {0, 1, 2}
    masks = {here: cores, here + 1: cores, here + 2: cores, here + 4: cores}
    moves: list[tuple[int, set[int]]] = []

    def get(thread: int) -> set[int]:
        if thread == here + 3:
            raise ProcessLookupError
        return masks[thread or here]

    monkeypatch.setattr(os, "sched_getaffinity", get)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, mask: moves.append((thread, set(mask))))
    for thread in range(here, here + 5):
        (tmp_path / str(thread)).touch()
    spread_threads(tmp_path)
    pinned = {thread: mask for thread, mask in moves if len(mask) == 1}
    assert pinned == {here: {0}, here + 1: {1}, here + 2: {2}, here + 4: {2}}
    last = dict(moves)
    assert all(mask == cores for mask in last.values())


def test_one_core_leaves_everything_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one core, or without the system's calls, nothing is moved and nothing fails."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {5})
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, mask: pytest.fail("moved"))
    spread_threads(tmp_path)
    monkeypatch.delattr(placement.os, "sched_setaffinity")
    spread_threads(tmp_path)
