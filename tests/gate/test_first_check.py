"""Before the gate times tests that use pytest-benchmark: they are called once, and their results compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.gate import first_check as module
from harness.gate.case_state import CaseState, CaseStatus
from harness.gate.first_check import FirstCheck, first_check
from harness.gate.pair import SideCommand
from harness.model import FIXTURE, Claim, Side
from harness.workers import collect
from harness.workers.collect import Refused, WorkerError
from harness.workers.protocol import ResultSketch
from harness.workers.spare import WorkerSettings

CLAIMS = [Claim("a", "", "test_a.py", "test_a", fixture=FIXTURE), Claim("b", "", "bench_b.py", "bench_b")]
SIDES = [SideCommand(side, f"{side}/python", {"SIDE": str(side)}) for side in Side]


class Scripted:
    """Worker pools by script: what each collection of a side finds, one after the other."""

    def __init__(self, **collections: list[collect.Collection]) -> None:
        self.left = {f"{side}/python": list(found) for side, found in collections.items()}
        self.asked: list[tuple[str, Sequence[str], list[str] | None]] = []

    def __call__(self, settings: WorkerSettings, *, tick: Any) -> Any:
        """A pool of that side."""
        pools = self

        class Pool:
            def __enter__(self) -> Pool:
                return self

            def __exit__(self, *failure: object) -> None: ...

            def collect(self, files: Sequence[str], cases: Collection[str] | None) -> collect.Collection:
                pools.asked.append((settings.python, files, None if cases is None else sorted(cases)))
                found = pools.left[settings.python].pop(0)
                if isinstance(found, Exception):
                    raise found
                return found

        return Pool()


def found(failed: dict[str, str] | None = None, **results: Any) -> collect.Collection:
    """A collection with these results, by digest."""
    sketches = {
        case: given if isinstance(given, ResultSketch) else ResultSketch(given, (), "int")
        for case, given in results.items()
    }
    return collect.Collection(failed=failed or {}, results=sketches)


def check(monkeypatch: pytest.MonkeyPatch, pools: Scripted, **more: Any) -> FirstCheck:
    """The check with these pools."""
    monkeypatch.setattr(module, "WorkerPool", pools)
    return first_check(SIDES, Path(), CLAIMS, device="cpu", data=None, tick=lambda: None, **more)


def test_results_that_agree_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only files with such tests are imported; nothing is said of them."""
    pools = Scripted(base=[found(a="1")], head=[found(a="1")])
    assert check(monkeypatch, pools) == FirstCheck({Side.BASE: {}, Side.HEAD: {}})
    assert pools.asked == [("base/python", ["test_a.py"], None), ("head/python", ["test_a.py"], None)]


def test_another_result_of_head_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again, alone, and differs from base's in the same way."""
    pools = Scripted(base=[found(a="1", b="1"), found(a="1")], head=[found(a="2", b="1"), found(a="2")])
    done = check(monkeypatch, pools)
    assert (done.changed, done.notes) == ({"a": "its result (int) differs from base's"}, ())
    assert pools.asked[2:] == [("base/python", ["test_a.py"], ["a"]), ("head/python", ["test_a.py"], ["a"])]


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_result_that_differs_from_itself_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """A clock or the order of a set: a note, and it is measured."""
    again = {"base": "1", "head": "2"} | {side: "3"}
    pools = Scripted(base=[found(a="1"), found(a=again["base"])], head=[found(a="2"), found(a=again["head"])])
    done = check(monkeypatch, pools)
    assert not done.changed
    assert [note.detail for note in done.notes] == [
        "results of 1 case are not compared: they differ from process to process: a"
    ]


def test_results_that_cannot_be_compared_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is to blame; the first few are named."""
    unknown: dict[str, Any] = dict.fromkeys("abcd", ResultSketch(unknown="Response"))
    done = check(
        monkeypatch, Scripted(base=[found(None, **unknown)], head=[found(a="1", b="1", c="1", d="1")])
    )
    assert [note.detail for note in done.notes] == [
        "results of 4 cases are not compared: they have no form that another process could compare: a (Response), "
        "b (Response), c (Response) and 1 more"
    ]


def test_other_results_can_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a change that is meant to give others."""
    pools = Scripted(base=[found(a="1"), found(a="1")], head=[found(a="2"), found(a="2")])
    done = check(monkeypatch, pools, accepted=frozenset({"results"}))
    assert not done.changed
    assert [note.detail for note in done.notes] == [
        "results of 1 case are others in head, which is accepted: a"
    ]


def test_what_failed_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that fails behind its measurement has failed; what a side skips or lacks stays as it is."""
    done = check(monkeypatch, Scripted(base=[found()], head=[found({"a": "assert 1 == 2"})]))
    ready, skipped = CaseState(("baseline",)), CaseState(status=CaseStatus.SKIPPED)
    states = done.states("a", {Side.BASE: ready, Side.HEAD: ready})
    assert states[Side.BASE] is ready
    assert (states[Side.HEAD].status, states[Side.HEAD].reason) == (CaseStatus.FAILED, "assert 1 == 2")
    assert done.states("a", {Side.HEAD: skipped})[Side.HEAD] is skipped
    assert done.states("b", {Side.HEAD: ready})[Side.HEAD] is ready


def test_without_such_tests_no_process_is_started() -> None:
    """Our own benchmarks check their variants while they are measured."""
    assert first_check(SIDES, Path(), CLAIMS[1:], device="cpu", data=None, tick=lambda: None) == FirstCheck()


def test_processes_that_cannot_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first pair says why, with its log; a device that is not there ends the gate."""
    broken: Any = WorkerError("no process can measure")
    assert check(monkeypatch, Scripted(base=[broken])) == FirstCheck()
    refused: Any = Refused("no CUDA device")
    with pytest.raises(Refused):
        check(monkeypatch, Scripted(base=[refused]))
