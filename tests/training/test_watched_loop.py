"""A loop that is watched: its batches, its clock, its record, and how it ends."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.errors import UsageError
from harness.judge.training import judge_loop
from harness.model import LoopAdvice, LoopFound, WatchedLoader
from harness.report.progress.training import LoopScreen
from harness.store import load
from harness.store.runs import run_entries
from harness.training import loop as loop_module
from harness.training.described import described
from harness.training.loop import LoopWatch, WatchedLoop, watched_loop
from harness.training.record import LoopRecord


class Clock:
    """Moves when it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """The moment."""
        return self.seconds


class Loader:
    """Batches that take so long; the first one of an epoch takes longer."""

    def __init__(
        self, clock: Clock, count: int, seconds: float, first: float = 0.0, end: float = 0.0
    ) -> None:
        self.clock, self.count, self.seconds, self.first, self.end = clock, count, seconds, first, end

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        self.clock.seconds += self.first
        for number in range(self.count):
            self.clock.seconds += self.seconds
            yield number
        self.clock.seconds += self.end


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def watch(loader: Loader, folder: Path, stream: io.StringIO | None = None) -> WatchedLoop[int]:
    """The loader, watched by its own clock."""
    screen = LoopScreen(stream or io.StringIO(), quiet=stream is None)
    return WatchedLoop(loader, LoopWatch(LoopRecord(described(loader, None), folder), screen, loader.clock))


def found_in(loop: WatchedLoop[Any]) -> LoopFound:
    """What its record shows."""
    assert loop.folder is not None
    return judge_loop(load(loop.folder))


def test_the_time_is_divided(tmp_path: Path) -> None:
    """Waiting, copying and the step add up; first batches and ends are apart, and so is the first step."""
    clock = Clock()
    loop = watch(Loader(clock, 101, 0.001, first=0.25, end=0.75), tmp_path)
    with loop:
        for number in loop:
            clock.seconds += 50.0 if number == 0 else 0.0
            with loop.copying():
                clock.seconds += 0.002
            clock.seconds += 0.007
    found = found_in(loop)
    assert [(each.span.value, round(each.share, 9)) for each in found.spent] == [
        ("wait", 0.1), ("copy", 0.2), ("step", 0.7),
    ]  # fmt: skip
    assert found.iterations == 100
    assert found.saving is not None
    assert (found.saving.low, found.saving.high) == pytest.approx((0.1, 0.1))
    assert found.start_seconds == pytest.approx(1.001)
    assert found.starts == pytest.approx(1.001 / 2.001)
    assert (found.stretches, found.left, found.empty) == (1, 0, 1.0)
    assert len(loop) == 101


def test_a_loop_that_is_left_and_begun_again_is_one_run(tmp_path: Path) -> None:
    """A break costs the iteration that it is in; each call with the same loader goes on in the same run."""
    loader = Loader(Clock(), 9, 0.0)
    for number in watched_loop(loader, results=tmp_path, quiet=True):
        if number == 4:
            break
    loop = watched_loop(loader, results=tmp_path, quiet=True)
    assert list(loop) == list(range(9))
    found = found_in(loop)
    assert (found.iterations, found.stretches, found.left) == (3 + 8, 2, 1)
    assert found.advice is LoopAdvice.LONGER
    assert [entry.kind for entry in run_entries(tmp_path)] == ["loop"]
    with loop:
        pass
    other = watched_loop(loader, results=tmp_path, quiet=True)
    list(other)
    assert other.folder != loop.folder


def test_an_error_of_the_loop_passes_and_keeps_what_was_seen(tmp_path: Path) -> None:
    """The loader's error is the loop's, and the record has the iterations before it and an end."""

    class Breaking(Loader):
        def __iter__(self) -> Iterator[int]:
            yield from (0, 1, 2)
            raise OSError("no such image")

    loop = watch(Breaking(Clock(), 9, 0.0), tmp_path)
    with pytest.raises(OSError, match="no such image"), loop:
        list(loop)
    assert found_in(loop).iterations == 3 - 1
    assert found_in(loop).left == 1
    assert loop.folder is not None
    assert load(loop.folder).ended.complete


def test_a_long_epoch_is_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not written is bounded, and the epoch counts once."""
    monkeypatch.setattr(loop_module, "LONGEST_STRETCH", 10)
    loop = watch(Loader(Clock(), 36, 0.001), tmp_path)
    list(loop)
    assert loop.folder is not None
    run = load(loop.folder)
    assert [len(each.trials[0].samples["seconds"]) for each in run.measurements] == [10, 10, 10, 5]
    assert (found_in(loop).stretches, found_in(loop).left, found_in(loop).iterations) == (1, 0, 35)


def test_the_answer_comes_when_the_loop_ends(tmp_path: Path) -> None:
    """Once without a block; with one, when it is left; after that nothing is said twice."""
    stream = io.StringIO()
    clock = Clock()
    list(loop := watch(Loader(clock, 50, 0.01), tmp_path, stream))
    assert stream.getvalue().count("the loop waits for its loader") == 1
    assert f"saved in {loop.folder}" in stream.getvalue()
    held = io.StringIO()
    with watch(Loader(clock, 50, 0.01), tmp_path, held) as loop:
        list(loop)
        assert held.getvalue() == ""
    assert held.getvalue().count("try: tipbench tune --dataset MODULE:FUNCTION --step") == 1


def test_a_terminal_has_a_line(tmp_path: Path) -> None:
    """It shows shares while the loop runs, and is gone when the answer comes."""
    stream, clock = Terminal(), Clock()
    for _ in watch(Loader(clock, 50, 0.03), tmp_path, stream):
        clock.seconds += 0.07
    assert "waiting 30% · step 70% · 10.0 iterations/s" in stream.getvalue()
    assert stream.getvalue().rindex("\x1b[2K") < stream.getvalue().index("the loop waits")


def test_a_loop_goes_on_where_nothing_can_be_saved(tmp_path: Path) -> None:
    """A folder that cannot be written is a warning."""
    (tmp_path / "file").write_text("")
    with pytest.warns(RuntimeWarning, match="cannot make"):
        assert list(watch(Loader(Clock(), 3, 0.0), tmp_path / "file")) == [0, 1, 2]


def test_a_forked_process_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process does with the loop is not this one's record."""
    loop = watch(Loader(Clock(), 3, 0.0), tmp_path)
    list(loop)
    assert loop.folder is not None
    monkeypatch.setattr(os, "getpid", lambda: -1)
    list(loop)
    monkeypatch.undo()
    assert found_in(loop).stretches == 1


@pytest.mark.parametrize(
    ("loader", "step", "words"),
    [
        (5, None, "watched: 5 cannot be looped over; give the loader of a loop"),
        ([], 5, "watched: step=5 is not a function; leave it out"),
    ],
)
def test_what_cannot_be_watched(loader: Any, step: Any, words: str) -> None:
    """One sentence, before anything is written."""
    with pytest.raises(UsageError, match=words):
        harness.watched(loader, step)


class TorchLoader:
    """Has what torch's DataLoader says of itself."""

    __module__ = "torch.utils.data.dataloader"

    def __init__(self, **facts: Any) -> None:
        self.__dict__ |= facts

    def __iter__(self) -> Iterator[int]:
        return iter(())


def test_what_a_loader_says_of_itself(tmp_path: Path) -> None:
    """Its workers, batches and folder are known, and the step by its name; what is not said is empty."""
    loader = TorchLoader(batch_size=2, num_workers=2, persistent_workers=True, dataset=object())
    assert described(loader, time.sleep) == WatchedLoader(
        "TorchLoader", "", "time:sleep", batch_size=2, workers=2, processes=True, persistent=True
    )
    images = SimpleNamespace(root=tmp_path, class_to_idx={})
    known = described(TorchLoader(dataset=images, num_workers=0), lambda images, labels: None)
    assert known == WatchedLoader("TorchLoader", str(tmp_path), "", workers=0)
    gone = SimpleNamespace(root=tmp_path / "gone", class_to_idx={})
    assert described(TorchLoader(dataset=gone), None).dataset == ""
    assert described(iter([1]), "my:step") == WatchedLoader("list_iterator", step="my:step")
