"""What profiles a gate makes and how it uses them: a pair by script, real summaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from harness.gate import decision as decisions
from harness.gate.case_state import CaseState
from harness.gate.decision import Decision
from harness.gate.extra_passes import ExtraPasses
from harness.gate.pair import WorkerPair
from harness.judge.regression import GateThresholds, Ruling
from harness.model import Claim, Comparison, FunctionTime, GateOutcome, ReasonText, Side
from harness.report.gate_notes import note_text
from harness.report.progress.gate import GateProgress
from harness.workers.client import WorkerFailed
from harness.workers.protocol import SidePlan
from tests.support import chrome

CLAIM = Claim("X", "a tip", "a.py", "bench")
MS = 1000.0


class Runner:
    """A side's variant: an iteration has an operator and Python beside it, both in milliseconds, a pass
    each."""

    def __init__(self, passes: list[tuple[float, float]], python: float, held: dict[str, int] | None) -> None:
        self._passes = passes
        self._python = python
        self._held = held
        self.done: list[str] = []

    def setup(self) -> None:
        """Note it."""
        self.done.append("setup")

    def first_call(self) -> tuple[float, object]:
        """Note it."""
        self.done.append("first call")
        return 0.0, None

    def profile(self, file: Path) -> None:
        """Leave a trace."""
        self.done.append("profile")
        operator, rest = self._passes.pop(0)
        file.parent.mkdir(exist_ok=True)
        whole = (operator + rest) * MS
        spans = [chrome.mark("tipbench: window", 0, whole), chrome.mark("tipbench: iteration", 0, whole)]
        chrome.written(file.parent, [*spans, chrome.operator("aten::mm", 0, operator * MS)], file.name)

    def functions(self) -> tuple[FunctionTime, ...]:
        """Python's time is one function's."""
        self.done.append("functions")
        return (FunctionTime("step", "model.py", 7, 1.0, self._python),)

    def held_at_peak(self) -> dict[str, int]:
        """What it was given."""
        self.done.append("held")
        if self._held is None:
            raise WorkerFailed("no memory profile here")
        return self._held

    def teardown(self) -> None:
        """Note it."""
        self.done.append("teardown")


class ScriptedPair:
    """Two sides with the same cases."""

    blame = WorkerPair.blame

    def __init__(self, cases: list[str], sides: dict[Side, Runner]) -> None:
        self.clients: Any = {side: SimpleNamespace(timeout=0.0, ended=False) for side in Side}
        self._cases = cases
        self._sides = sides
        self.reached: list[str] = []

    def __enter__(self) -> ScriptedPair:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def begin(self, cases: Sequence[str], plan: SidePlan) -> None:
        """Nothing."""

    def walk(self, _: Random) -> Iterator[tuple[str, dict[Side, CaseState]]]:
        """Case by case."""
        for case in self._cases:
            self.reached.append(case)
            yield case, {side: CaseState(("tip",)) for side in Side}

    def runner(self, side: Side, _: str) -> Runner:
        """The side's only one."""
        return self._sides[side]


def regressed(case: str, exact: dict[str, tuple[float, float]] | None = None) -> Decision:
    """A variant that takes a millisecond more."""
    ruling = Ruling(GateOutcome.REGRESSED, Comparison("seconds", 13, 1.5), ReasonText(""))
    return Decision(case, CLAIM, "tip", ruling=ruling, outcome=GateOutcome.REGRESSED, exact=exact or {})


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two milliseconds became three."""
    monkeypatch.setattr(decisions, "levels", lambda *_: (2e-3, 3e-3))


def explained(
    pair: ScriptedPair, chosen: list[Decision], folder: Path, late: Callable[[], bool] = lambda: False
) -> list[str]:
    """The notes."""
    started: Any = lambda files, number: pair  # noqa: E731
    passes = ExtraPasses(
        started,
        lambda _: SidePlan((), "cpu", None, core=0),
        GateThresholds(),
        folder,
        GateProgress(Console()),
        late,
    )
    state: Any = SimpleNamespace(decisions=chosen)
    return [note_text(note) for note in passes.explain(state, 7, Random(1))]


def test_the_quickest_pass_of_each_side_counts(tmp_path: Path) -> None:
    """One pass of the base is delayed in its operator, one of the head outside: neither is what grew."""
    base = Runner([(2, 0), (9, 0), (2, 0)], 0.0, None)
    head = Runner([(2, 8), (2, 1), (5, 1)], 1e-3, None)
    found = regressed("a")
    assert explained(ScriptedPair(["a"], {Side.BASE: base, Side.HEAD: head}), [found], tmp_path) == []
    assert (
        found.growth["seconds"] == "code outside torch's operators +1.00 ms, most of it in step (model.py:7)"
    )
    assert base.done == head.done == ["setup", "first call", *["profile"] * 3, "functions", "teardown"]
    assert len(list((tmp_path / "traces").iterdir())) == 2


def test_memory_is_explained_where_it_was_read(tmp_path: Path) -> None:
    """What is held at the peak is named; a side that does not know it leaves the trace's explanation as it
    is."""
    exact = {"peak_bytes": (100.0, 300.0)}
    for held, text in (
        (None, None),
        ({"aten::mm": 300}, "aten::mm holds 300 B at the peak instead of 100 B, +200 B"),
    ):
        base = Runner([(2, 0)] * 3, 0.0, {"aten::mm": 100})
        head = Runner([(3, 0)] * 3, 0.0, held)
        found = regressed("a", exact)
        assert explained(ScriptedPair(["a"], {Side.BASE: base, Side.HEAD: head}), [found], tmp_path) == []
        assert found.growth["seconds"] == "aten::mm +1.00 ms"
        assert found.growth.get("peak_bytes") == text


def test_no_other_case_is_begun_when_it_is_late(tmp_path: Path) -> None:
    """The worst regression is explained all the same; the rest are counted."""
    chosen = [regressed(case) for case in "abc"]
    sides = {Side.BASE: Runner([(2, 0)] * 9, 0.0, None), Side.HEAD: Runner([(3, 0)] * 9, 0.0, None)}
    pair = ScriptedPair(list("abc"), sides)
    assert explained(pair, chosen, tmp_path, late=lambda: bool(pair.reached)) == [
        "no time was left to profile 2 other regressions"
    ]
    assert pair.reached == ["a"]
    assert [bool(each.growth) for each in chosen] == [True, False, False]
