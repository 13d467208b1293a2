"""Fixtures of runs by script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.bench import found
from harness.bench import run as module
from harness.ceilings import budgeted
from harness.ceilings.cache import MeasuredCeilings
from harness.measure.clock import FakeClock
from harness.workers.collect import Collection
from tests.support.played import CLAIMS, Play


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where benchmarks and results are."""
    for name, text in CLAIMS.items():
        file = tmp_path / "benchmarks" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Play]]:
    """Makes a play; the pool that is entered has to be left."""
    clock = FakeClock()
    made: list[Play] = []
    monkeypatch.setattr(budgeted, "kept", lambda question, environment: None)
    monkeypatch.setattr(
        budgeted,
        "measured",
        lambda question, log, tick, limit: MeasuredCeilings((), "", {}),
    )
    for one in (module, found):
        monkeypatch.setattr(one, "time", SimpleNamespace(monotonic=clock.now))

    def started(collection: Collection, **more: Any) -> Play:
        made.append(Play(clock, collection, **more))
        monkeypatch.setattr(module, "WorkerPool", made[-1].pool)
        return made[-1]

    yield started
    assert all(one.left == 1 for one in made)
