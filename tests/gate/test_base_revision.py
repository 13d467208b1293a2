"""What base's own revision has decides what is new; anything else that base cannot measure is never green."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest

from harness.claims.selection import select
from harness.gate.base_revision import BaseRevision, collect_cases, compare_folders
from harness.gate.case_state import CaseState, CaseStatus
from harness.gate.pair import SideCommand
from harness.gate.state import GateState
from harness.judge.gate_verdicts import settled
from harness.judge.regression import GateThresholds, status_of
from harness.model import BASELINE, Claim, Collected, GateOutcome, GateVerdict, NotCompared, Side, Uncompared
from harness.report.gate_reason import reason_text
from harness.workers.collect import Collection

CLAIM = Claim("X", "a tip", "a.py", "bench")
FUNCTION = "a.py::bench"
ONE, TWO = f"{FUNCTION}[1]", f"{FUNCTION}[2]"
RUNS = CaseState((BASELINE, "tip"))
NOT_THERE = CaseState(status=CaseStatus.MISSING, reason="base has no such case")
CANNOT = CaseState(status=CaseStatus.BROKEN, reason="ImportError: cannot import name 'fast' from 'mypkg'")
SKIPS = CaseState(status=CaseStatus.SKIPPED, reason="could not import 'no_such_package'")

SAME = BaseRevision(frozenset({FUNCTION}), frozenset({FUNCTION}))
"""Base's revision has the benchmark, in the same file."""


def changed(
    collection: Collection | None, *, functions: frozenset[str] = frozenset({FUNCTION})
) -> BaseRevision:
    """Base's revision has the benchmark in a file of other text, of which this was collected."""
    return BaseRevision(functions, functions, changed=frozenset({"a.py"}), collection=collection)


def calls(**variants: tuple[str, ...]) -> Collection:
    """A collection with one case a keyword: ``one`` and ``two``."""
    names = {"one": ONE, "two": TWO}
    return Collection(cases={names[name]: found for name, found in variants.items()})


def barred(variant: str) -> Collection:
    """A collection whose one case has two variants, of which one cannot run."""
    return Collection(cases={ONE: (BASELINE, "tip")}, unavailable={ONE: {variant: "no kernel"}})


def judged(
    before: BaseRevision | None, base: CaseState, head: CaseState, case: str = ONE
) -> dict[str, GateVerdict]:
    """The verdicts that follow from one case's two states without any number, by variant."""
    state = GateState([CLAIM], GateThresholds(), selftest=False)
    state.before = before
    state.enter(case, {Side.BASE: base, Side.HEAD: head})
    return {
        verdict.variant: verdict
        for verdict in state.verdicts()
        if verdict.outcome is not GateOutcome.INCONCLUSIVE
    }


@pytest.mark.parametrize(
    ("before", "base", "outcome"),
    [
        (SAME, CANNOT, GateOutcome.FAILED),
        (SAME, SKIPS, GateOutcome.NEW),  # base's own file states it
        (SAME, NOT_THERE, GateOutcome.NEW),  # a parameter that head's package brings along
        (None, CANNOT, GateOutcome.FAILED),
        (None, SKIPS, GateOutcome.FAILED),
        (None, NOT_THERE, GateOutcome.MISSING),
        (BaseRevision(), CANNOT, GateOutcome.NEW),
        (BaseRevision(), NOT_THERE, GateOutcome.NEW),
        (changed(calls(one=(BASELINE,))), CANNOT, GateOutcome.FAILED),
        (changed(calls(one=(BASELINE,))), NOT_THERE, GateOutcome.MISSING),
        (changed(calls(one=(BASELINE,))), SKIPS, GateOutcome.FAILED),
        (changed(calls(two=(BASELINE,))), NOT_THERE, GateOutcome.NEW),
        (changed(calls(two=(BASELINE,))), CANNOT, GateOutcome.NEW),
        (changed(Collection(skipped={ONE: "no GPU"})), NOT_THERE, GateOutcome.NEW),
        (changed(Collection(skipped={ONE: "no GPU"})), SKIPS, GateOutcome.NEW),
        (changed(Collection(collected=Collected(skipped={"a.py": "no GPU"}))), SKIPS, GateOutcome.NEW),
        (changed(Collection(failed={ONE: "boom"})), SKIPS, GateOutcome.FAILED),
        (changed(None), SKIPS, GateOutcome.FAILED),
        (
            changed(Collection(collected=Collected(broken={"a.py": "ImportError"}))),
            NOT_THERE,
            GateOutcome.MISSING,
        ),
        (changed(Collection()), NOT_THERE, GateOutcome.MISSING),
        (changed(None), NOT_THERE, GateOutcome.MISSING),
        (changed(None), CANNOT, GateOutcome.FAILED),
        (changed(calls(one=(BASELINE,)), functions=frozenset()), CANNOT, GateOutcome.NEW),
        (BaseRevision(unreadable={"a.py": "a.py cannot be read as Python"}), NOT_THERE, GateOutcome.MISSING),
    ],
)
def test_only_what_base_does_not_have_is_new(
    before: BaseRevision | None, base: CaseState, outcome: GateOutcome
) -> None:
    """A case that base cannot measure: new where base's own revision lacks it, else it needs a person."""
    (found,) = judged(before, base, RUNS).values()
    assert found.outcome is outcome
    # Another case that is unchanged makes the suite green only where this one is new.
    others = [found, GateVerdict(TWO, "X", "", "seconds", GateOutcome.UNCHANGED)]
    assert status_of(others) == (0 if outcome is GateOutcome.NEW else 3)


def test_what_base_skips_in_its_own_revision_is_no_regression() -> None:
    """Head runs it now: it is new, with base's reason. Head skips it, too: it is skipped. Only head skips:
    missing."""
    found = judged(SAME, SKIPS, RUNS)[""]
    assert (found.outcome, reason_text(found)) == (
        GateOutcome.NEW, "base's own revision skips it, too: could not import 'no_such_package'"
    )  # fmt: skip
    assert (
        judged(changed(Collection(skipped={ONE: "no GPU"})), SKIPS, SKIPS)[""].outcome is GateOutcome.SKIPPED
    )
    assert judged(changed(calls(one=(BASELINE,))), RUNS, SKIPS)[""].outcome is GateOutcome.MISSING
    assert judged(SAME, RUNS, SKIPS)[""].outcome is GateOutcome.MISSING


def test_a_file_that_base_cannot_import_names_the_error_and_the_remedy() -> None:
    """The reason has Python's own message and what to change in the file."""
    reason = reason_text(judged(SAME, CANNOT, RUNS)[""])
    assert "cannot import name 'fast' from 'mypkg'" in reason
    assert "import what only head has inside the benchmark or fixture that needs it" in reason


@pytest.mark.parametrize(
    ("before", "base", "outcome"),
    [
        (SAME, CaseState((BASELINE,)), GateOutcome.NEW),
        (SAME, CaseState((BASELINE,), {"tip": "no kernel"}), GateOutcome.NEW),  # base's own file states it
        (changed(barred("tip")), CaseState((BASELINE,), {"tip": "no kernel"}), GateOutcome.NEW),
        (changed(barred("other")), CaseState((BASELINE,), {"tip": "no kernel"}), GateOutcome.FAILED),
        (None, CaseState((BASELINE,)), GateOutcome.MISSING),
        (None, CaseState((BASELINE,), {"tip": "no kernel"}), GateOutcome.FAILED),
        (changed(calls(one=(BASELINE, "tip"))), CaseState((BASELINE,)), GateOutcome.MISSING),
        (
            changed(calls(one=(BASELINE, "tip"))),
            CaseState((BASELINE,), {"tip": "no kernel"}),
            GateOutcome.FAILED,
        ),
        (changed(calls(one=(BASELINE,))), CaseState((BASELINE,)), GateOutcome.NEW),
        (changed(calls(one=(BASELINE,))), CaseState((BASELINE,), {"tip": "no kernel"}), GateOutcome.NEW),
        (BaseRevision(), CaseState((BASELINE,)), GateOutcome.NEW),
    ],
)
def test_variants_go_by_the_same_rule(
    before: BaseRevision | None, base: CaseState, outcome: GateOutcome
) -> None:
    """A variant that only head runs is new where base's own revision does not have it."""
    assert judged(before, base, RUNS)["tip"].outcome is outcome


def test_what_head_drops_from_its_file_is_missing() -> None:
    """Neither side has it under head's file: base's own revision does."""
    before = changed(calls(one=(BASELINE, "tip"), two=(BASELINE,)))
    short = CaseState((BASELINE,))
    assert judged(before, short, short)["tip"].outcome is GateOutcome.MISSING
    skipped = judged(before, SKIPS, SKIPS)[""]
    assert (skipped.outcome, "head skips what base runs" in reason_text(skipped)) == (
        GateOutcome.MISSING,
        True,
    )
    assert judged(SAME, SKIPS, SKIPS)[""].outcome is GateOutcome.SKIPPED

    class Listed:
        """A pair that has only the first case."""

        collected: ClassVar[dict[Side, Collected]] = {side: Collected((ONE,)) for side in Side}

    state = GateState([CLAIM], GateThresholds(), selftest=False)
    state.before = before
    state.collect(Listed())  # type: ignore[arg-type]
    found = {verdict.case: verdict.outcome for verdict in state.verdicts()}
    assert found == {ONE: GateOutcome.INCONCLUSIVE, TWO: GateOutcome.MISSING}


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (SAME, GateOutcome.SKIPPED),
        (None, GateOutcome.SKIPPED),
        (changed(calls(one=(BASELINE,))), GateOutcome.MISSING),
    ],
)
def test_a_file_that_head_skips_as_a_whole(before: BaseRevision | None, outcome: GateOutcome) -> None:
    """Skipped on both sides it hinders nothing, unless base's own revision, under its own file, runs it."""

    class Skipped:
        """A pair of which neither side comes past the top of the file."""

        collected: ClassVar[dict[Side, Collected]] = {
            side: Collected(skipped={"a.py": "no such package"}) for side in Side
        }

    state = GateState([CLAIM], GateThresholds(), selftest=False)
    state.before = before
    state.collect(Skipped())  # type: ignore[arg-type]
    assert [(verdict.case, verdict.outcome) for verdict in state.verdicts()] == [(FUNCTION, outcome)]


def written(folder: Path, files: dict[str, str]) -> Path:
    """A folder of benchmarks."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


SUITE = """
import pytest

@pytest.mark.parametrize("n", {values})
def bench_{name}(compare, n):
    compare(baseline=lambda: n)
"""


def test_the_folders_of_both_revisions(tmp_path: Path) -> None:
    """By the text of its files: which differ, which cannot be read, and what was selected."""
    same, old = SUITE.format(values=[1], name="same"), SUITE.format(values=[1], name="work")
    theirs = written(
        tmp_path / "base", {"bench_same.py": same, "bench_work.py": old, "bench_torn.py": "def ("}
    )
    ours = written(tmp_path / "head", {"bench_same.py": same, "bench_work.py": f"{old}\n"})
    before = compare_folders(theirs, ours, lambda reading: select(reading, ("work",)))
    assert before.functions == {"bench_same.py::bench_same", "bench_work.py::bench_work"}
    assert before.chosen == {"bench_work.py::bench_work"}
    assert before.changed == {"bench_work.py"}
    assert list(before.unreadable) == ["bench_torn.py"]
    (ours / "shared.py").write_text("SIZES = [1]\n")
    assert compare_folders(theirs, ours).changed == {"bench_same.py", "bench_work.py"}
    (ours / "shared.py").rename(ours / "shared.txt")
    written(ours / ".ipynb_checkpoints", {"shared-checkpoint.py": "", "bench_work.py": old})
    assert compare_folders(theirs, ours).changed == {"bench_work.py"}
    assert compare_folders(tmp_path / "nowhere", ours) == BaseRevision()


def test_cases_are_collected_from_bases_own_revision(tmp_path: Path) -> None:
    """A real process collects the changed file as base's own revision has it."""
    theirs = written(tmp_path / "base", {"bench_work.py": SUITE.format(values=[1, 2], name="work")})
    ours = written(
        tmp_path / "head", {"bench_work.py": "from mypkg import work, fast\ndef bench_work(compare): ..."}
    )
    claims = [Claim("work", "work", "bench_work.py", "bench_work")]
    command = SideCommand(Side.BASE, sys.executable, {})
    before = compare_folders(theirs, ours)
    found = collect_cases(before, claims, command, tmp_path, device="cpu", data=None, tick=lambda: None)
    assert found.cases("bench_work.py::bench_work") == [f"bench_work.py::bench_work[{n}]" for n in (1, 2)]
    assert found.measures("bench_work.py::bench_work[2]") == (BASELINE,)


def test_every_reason_not_to_compare_has_an_outcome_and_a_text() -> None:
    """A reason without one of them would end the gate at the report; only what is new or skipped is green."""
    verdicts = {why: settled(ONE, CLAIM.name, "", Uncompared(why, "reported")) for why in NotCompared}
    assert all(reason_text(verdict) for verdict in verdicts.values())
    others = [GateVerdict(TWO, "X", "", "seconds", GateOutcome.UNCHANGED)]
    green = {why for why, verdict in verdicts.items() if status_of([verdict, *others]) == 0}
    assert green == {
        NotCompared.SKIPPED,
        NotCompared.FILE_SKIPPED,
        NotCompared.NEW_CASE,
        NotCompared.NEW_VARIANT,
        NotCompared.SKIPPED_IN_BASE,
    }
