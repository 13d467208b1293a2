"""A run from beginning to end with a pool by script, on a clock by script: the budget, the records, the
verdicts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.bench import run as module
from harness.bench.run import GRACE, UnusableGpu, bench
from harness.bench.settings import Settings
from harness.bench.share import Share, node_of
from harness.ceilings import budgeted
from harness.ceilings.cache import CeilingsRequest, MeasuredCeilings
from harness.ceilings.client import CeilingsError
from harness.claims.claim import ClaimError
from harness.errors import UsageError
from harness.judge.run import judge
from harness.model import (
    BASELINE,
    Activity,
    Ceiling,
    Collected,
    Measurement,
    Outcome,
    Status,
    Telemetry,
    Work,
)
from harness.monitor.run import Monitor
from harness.processes.launch import LaunchError
from harness.report.trace_text import cause_of
from harness.store import Run, StoreError
from harness.workers.collect import WorkerError
from harness.workers.pool import WorkerReport
from harness.workers.protocol import CaseTraced
from tests.support.played import A2, FIRST_LOOK, SB, TRACE, A, B, L, Play, Screen, called, outcomes
from tests.support.replayed import UUID, Replayed


def run(folder: Path, screen: Screen | None = None, *, select: tuple[str, ...] = (), **more: Any) -> Run:
    """Hold a run and load it."""
    settings = Settings(folder / "benchmarks", folder / "results", select=select, **more)
    return store.load(bench(settings, screen or Screen(), width=2, command=("bench",)))


def saved(folder: Path) -> Run:
    """The one run that is on the disk."""
    (one,) = store.run_folders(folder / "results")
    return store.load(one)


# --- well ---------------------------------------------------------------------------------------------------


def test_until_everything_is_decided(folder: Path, play: Callable[..., Play]) -> None:
    """Cases are measured until their claims are decided, then the run ends and says so, long before its
    budget."""
    one = play(called(A, B), ratios={"tip": 0.5})
    screen = Screen()
    found = run(folder, screen, select=("A", "B"), budget=3600.0)
    assert found.ended.text == "everything was decided"
    assert [kind for kind, _, _ in one.requests] == ["measure"] * FIRST_LOOK + ["peak_bytes"]
    assert outcomes(found) == {f"{A} tip": "holds", f"{B} tip": "holds"}
    assert {(v.case, v.outcome) for v in screen.fallen} == {(A, Outcome.HOLDS), (B, Outcome.HOLDS)}
    assert len(screen.fallen) == 2
    assert [m.invocation for m in found.measurements if m.case == A and not m.survey] == list(
        range(1, FIRST_LOOK + 1)
    )
    assert found.facts["budget"] == 3600.0
    assert (found.planned, found.environment) == ((A, B), {"gpu": None})


def test_what_is_read_in_a_unit(folder: Path, play: Callable[..., Play]) -> None:
    """Memory is read in a unit only where the verdict is about bytes, or in passing, of a loader's processes;
    what once in a run is enough for is looked for in the first."""
    (folder / "benchmarks" / "bench_m.py").write_text(
        '@claim("M", metric="peak_bytes")\ndef bench_m(compare): pass\n'
    )
    memory = "bench_m.py::bench_m"
    one = play(called(A, L, memory), ratios={"tip": 0.5})
    run(folder, select=("A", "L", "M"), budget=3600.0)
    assert {case: (request.memory, request.first) for case, request in one.asked[:3]} == {
        A: (False, True), L: (True, True), memory: (True, True),
    }  # fmt: skip
    assert not any(request.memory or request.first for _, request in one.asked[3:])


def test_loaders_have_solo_passes(folder: Path, play: Callable[..., Play]) -> None:
    """A loader's variants are each watched alone once, after its verdict."""
    one = play(called(L), ratios={"tip": 0.5})
    found = run(folder, select=("L",), budget=3600.0)
    assert one.requests == [
        *(("measure", invocation, (L,)) for invocation in range(1, FIRST_LOOK + 1)),
        ("solo", FIRST_LOOK + 1, (L, BASELINE)),
        ("solo", FIRST_LOOK + 2, (L, "tip")),
    ]
    assert outcomes(found) == {f"{L} tip": "holds"}


def test_on_a_gpu_launches_are_counted_when_all_is_decided(folder: Path, play: Callable[..., Play]) -> None:
    """After memory, and before joules; no unit waits for either, and the smoke profile has neither."""
    collection = called(A, B)
    collection.environment = {**collection.environment, "device": {"type": "cuda"}}
    one = play(collection, ratios={"tip": 0.5})
    one.report = lambda invocation, report: replace(
        report, measurements=[replace(m, work=Work(flops=1.0)) for m in report.measurements]
    )
    found = run(folder, select=("A", "B"), budget=3600.0)
    readings = ("peak_bytes", "launches", "joules")
    counted = [(reading, FIRST_LOOK + n, (A, B)) for n, reading in enumerate(readings, start=1)]
    assert one.requests == [
        *(("measure", invocation, (A, B)) for invocation in range(1, FIRST_LOOK + 1)),
        *counted,
    ]
    assert found.ended.text == "everything was decided"
    surveys = {m.invocation: m.trials[1].solo for m in found.measurements if m.survey and m.case == A}
    assert list(surveys.values()) == [{reading: 1.0} for reading in readings]
    assert outcomes(found) == {f"{A} tip": "holds", f"{B} tip": "holds"}
    again = play(collection, ratios={"tip": 0.5})
    run(folder, select=("A", "B"), budget=3600.0, profile="smoke")
    assert [kind for kind, _, _ in again.requests] == ["measure", "peak_bytes"]


def test_smoke_measures_everything_once(folder: Path, play: Callable[..., Play]) -> None:
    """The smoke profile is one invocation of each kind and the memory of arithmetic, no solo pass, and no
    ceilings: they take longer."""
    one = play(called(A, L))
    screen = Screen()
    found = run(folder, screen, select=("A", "L"), profile="smoke")
    assert any("too much for this run" in note for note in screen.notes)
    assert one.requests == [("measure", 1, (A,)), ("measure", 2, (L,)), ("peak_bytes", 3, (A,))]
    assert len(found.measurements) == 3
    assert set(outcomes(found).values()) == {"inconclusive"}


def test_only_what_was_selected(folder: Path, play: Callable[..., Play]) -> None:
    """A file's other benchmarks answer in the collection too, and are neither planned nor measured."""
    one = play(called(A, A2, skipped={"bench_a.py::bench_a2[x]": "no"}), ratios={"tip": 0.5})
    found = run(folder, select=("A2",))
    assert one.files == ["bench_a.py"]
    assert {cases for _, _, cases in one.requests} == {(A2,)}
    assert found.planned == (A2, "bench_a.py::bench_a2[x]")
    assert [stated.name for stated in found.claims] == ["A2"]


def test_a_node_measures_its_share(folder: Path, play: Callable[..., Play]) -> None:
    """The shares of all nodes are all cases, those without a measurement included, and no case is in two."""
    (folder / "benchmarks" / "bench_z.py").write_text("def (\n")
    nodes = ("n1", "n2", "n3")
    planned: list[str] = []
    for node in nodes:
        play(called(A, A2, B, L, skipped={SB: "no"}), ratios={"tip": 0.5})
        settings = Settings(folder / "benchmarks", folder / "results", folder=node, share=Share(node, nodes))
        found = store.load(bench(settings, Screen(), width=2))
        assert found.folder == folder / "results" / node
        assert found.facts["share"] == f"{node}/n1,n2,n3"
        assert all(node_of(case, nodes) == node for case in found.planned)
        assert {m.case for m in found.measurements} == set(found.planned)
        planned += found.planned
    assert sorted(planned) == sorted([A, A2, B, L, SB, "bench_z.py::"])


def test_a_folder_that_is_there_is_left_alone(folder: Path) -> None:
    """A run never writes into another one's folder."""
    (folder / "results" / "n1").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"results/n1: it exists; choose another name with --folder NAME"):
        bench(Settings(folder / "benchmarks", folder / "results", folder="n1"), Screen(), width=2)


COPY = Ceiling("memory_copy", 2e10, "B/s")


def test_ceilings_are_in_the_record(
    folder: Path, play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run measures the ceilings before anything else, by the interpreter and on the device it measures
    with.

    A busy machine may be slow at it: no more than a part of the budget is spent.
    """
    play(called(A), ratios={"tip": 0.5})
    requests: list[tuple[CeilingsRequest, float]] = []

    def measured(question: CeilingsRequest, log: Path, tick: Any, *, limit: float) -> MeasuredCeilings:
        requests.append((question, limit))
        return MeasuredCeilings((COPY,), "2026-01-02", {}, ("no ceiling of decoding",))

    monkeypatch.setattr(budgeted, "measured", measured)
    screen = Screen()
    found = run(folder, screen, select=("A",), device="cpu", budget=120.0)
    assert found.ceilings == (COPY,)
    ((question, limit),) = requests
    assert question == CeilingsRequest(sys.executable, "cpu")
    assert limit == pytest.approx(18.0)
    assert any("measuring this machine's ceilings" in note for note in screen.notes)
    assert "no ceiling of decoding" in screen.notes


def test_a_short_budget_is_not_spent_on_ceilings(
    folder: Path, play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are not known yet and would take much of the budget, a note says how to measure them; else
    they are taken from where they are kept."""
    play(called(A), ratios={"tip": 0.5})
    known = MeasuredCeilings((COPY,), "2026-01-02", {}, kept=True)
    monkeypatch.setattr(budgeted, "measured", lambda *_, limit: known)
    screen = Screen()
    assert run(folder, screen, select=("A",), budget=60.0).ceilings == ()
    assert any("python -m harness ceilings" in note for note in screen.notes)
    monkeypatch.setattr(budgeted, "kept", lambda *_: known)
    play(called(A), ratios={"tip": 0.5})
    screen = Screen()
    settings = Settings(folder / "benchmarks", folder / "others", select=("A",), budget=60.0)
    assert store.load(bench(settings, screen, width=2)).ceilings == (COPY,)
    assert screen.notes == []


def test_a_run_without_ceilings_is_a_run(
    folder: Path, play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ceilings that cannot be measured are a note; the verdicts fall all the same."""
    play(called(A), ratios={"tip": 0.5})

    def fails(*_: Any, limit: float) -> MeasuredCeilings:
        raise CeilingsError("its process ended with exit status 1")

    monkeypatch.setattr(budgeted, "measured", fails)
    screen = Screen()
    assert outcomes(run(folder, screen, select=("A",))) == {f"{A} tip": "holds"}
    assert "no ceilings: its process ended with exit status 1" in screen.notes


def test_snapshots_that_cannot_be_taken_are_noted_once(folder: Path, play: Callable[..., Play]) -> None:
    """Asked for on a machine without a CUDA device, memory snapshots are one note."""
    play(called(A), ratios={"tip": 0.5})
    screen = Screen()
    run(folder, screen, select=("A",), snapshots=True)
    assert sum("CUDA devices only" in note for note in screen.notes) == 1


# --- the budget ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.7, 3.0, 40.0, 500.0])
def test_the_budget_is_kept(folder: Path, play: Callable[..., Play], seconds: float) -> None:
    """Whatever cases cost, the run ends by its budget and the grace, and says that it was used up."""
    one = play(called(A, B, L), seconds=seconds)
    one.ratios = {"tip": 0.97}
    found = run(folder, Screen(), select=("A", "B", "L"), budget=100.0)
    assert one.clock.now() <= 100.0 * (1 + GRACE)
    assert found.ended.text == ("the time budget was used up" if seconds > 10 else "everything was decided")
    assert set(one.deadlines) <= {100.0 * (1 + GRACE)}
    assert set(outcomes(found).values()) <= {"inconclusive", "holds", "fails", "no effect"}


def test_the_screen_knows_what_is_left(folder: Path, play: Callable[..., Play]) -> None:
    """What is left of the budget only ever shrinks, and never below nothing."""
    play(called(A), seconds=9.0)
    screen = Screen()
    run(folder, screen, select=("A",), budget=100.0)
    assert screen.left == sorted(screen.left, reverse=True)
    assert screen.left[-1] >= 0.0
    assert all(0.0 <= moment <= 100.0 * (1 + GRACE) for moment in screen.ends)
    assert screen.planned == (1, 0)


def test_what_ran_out_of_the_budget_is_not_lost(folder: Path, play: Callable[..., Play]) -> None:
    """An invocation that the deadline ended stops the run; what it measured counts, what it did not is
    open."""
    one = play(called(A, B), seconds=1.0)
    one.report = lambda invocation, report: WorkerReport(report.measurements[:1], None, out_of_time=True)
    found = run(folder, select=("A", "B"))
    assert found.ended.text == "the time budget was used up"
    assert len(one.requests) == len(found.measurements) == 1
    assert set(outcomes(found).values()) == {"inconclusive"}


# --- traces -------------------------------------------------------------------------------------------------


def traced(one: Play) -> list[tuple[str, ...]]:
    """What was traced, in order."""
    return [what for kind, _, what in one.requests if kind == "trace"]


def test_a_claim_that_fails_is_traced(folder: Path, play: Callable[..., Play]) -> None:
    """A surprising verdict has its baseline and its variant traced, after everything was decided."""
    one = play(called(A, B), ratios={"tip": 1.5})
    found = run(folder, select=("A", "B"), budget=3600.0)
    assert found.ended.text == "everything was decided"
    assert sorted(traced(one)) == [(A, BASELINE), (A, "tip"), (B, BASELINE), (B, "tip")]
    expected = ["measure"] * FIRST_LOOK + ["trace"] * 4 + ["peak_bytes"]
    assert [kind for kind, _, _ in one.requests] == expected
    tip = next(each for each in found.traces if (each.case, each.variant) == (A, "tip"))
    assert tip.summary is not None
    assert (tip.claim, tip.slow_down, tip.summary.launches) == ("A", 2.0, 4)
    assert cause_of(tip).startswith("the GPU is busy 52 % of the time")
    assert (found.folder / tip.file).read_bytes() == TRACE
    assert tip.file.startswith("traces/bench_a-bench_a-tip-")


def test_only_a_few_surprises_are_traced(folder: Path, play: Callable[..., Play]) -> None:
    """Where everything fails, the first three verdicts are explained and the others are not."""
    cases = [f"{A}[{n}]" for n in range(6)]
    one = play(called(*cases), ratios={"tip": 1.5})
    run(folder, select=("A",), budget=3600.0)
    assert len(traced(one)) == 6


@pytest.mark.parametrize("profile", ["standard", "smoke"])
def test_traces_that_were_requested(folder: Path, play: Callable[..., Play], profile: str) -> None:
    """``--trace A`` traces every variant of A's cases and of no other claim's, whatever the verdicts."""
    one = play(called(A, B, L), ratios={"tip": 0.5})
    found = run(folder, select=("A", "B", "L"), profile=profile, budget=3600.0, trace=("a",))
    assert traced(one) == [(A, BASELINE), (A, "tip")]
    assert len(found.traces) == 2


def test_all_claims_are_traced_case_by_case(folder: Path, play: Callable[..., Play]) -> None:
    """``--trace`` alone traces all of them: each claim's first case before the second of any."""
    one = play(called(f"{A}[x]", f"{A}[y]", B), ratios={"tip": 0.5})
    run(folder, select=("A", "B"), budget=3600.0, trace=("all",))
    assert [case for case, variant in traced(one) if variant == "tip"] == [f"{A}[x]", B, f"{A}[y]"]


def test_traces_have_their_share_of_a_short_budget(folder: Path, play: Callable[..., Play]) -> None:
    """Time is kept for the traces that were requested, and no more than that: the rest goes to measuring."""
    one = play(called(A, B), seconds=4.0)
    one.ratios, one.wobble = {"tip": 1.02}, 0.2
    run(folder, select=("A", "B"), budget=100.0, trace=("all",))
    kinds = [kind for kind, _, _ in one.requests]
    assert "trace" in kinds
    assert kinds.count("measure") >= 4
    assert one.clock.now() <= 100.0 * (1 + GRACE)


def test_a_trace_that_fails_costs_nothing_else(folder: Path, play: Callable[..., Play]) -> None:
    """A pass that raised, died or left no readable file is a note in its record; it is not tried again."""
    one = play(called(A), ratios={"tip": 0.5})
    fates = iter(
        [
            WorkerReport([], None, traced=CaseTraced("", reason="RuntimeError: no CUPTI")),
            WorkerReport([], Measurement(A, "A", 9, Status.FAILED, "its process was ended by SIGKILL")),
        ]
    )
    one.report = lambda _, report: next(fates) if report.traced else report
    found = run(folder, select=("A",), budget=3600.0, trace=("all",))
    assert [(t.note, t.file, t.summary) for t in found.traces] == [
        ("no trace: RuntimeError: no CUPTI", "", None),
        ("no trace: its process was ended by SIGKILL", "", None),
    ]
    assert outcomes(found) == {f"{A} tip": "holds"}
    assert found.ended.text == "everything was decided"


def test_a_trace_that_cannot_be_read_is_kept(folder: Path, play: Callable[..., Play]) -> None:
    """Its record states why there is no summary, and where the file is."""
    play(called(A), ratios={"tip": 0.5}, trace=b"torn")
    found = run(folder, select=("A",), budget=3600.0, trace=("all",))
    assert all("traceEvents" in t.note and t.file and t.summary is None for t in found.traces)


def test_a_trace_that_is_too_large_is_summarised_and_not_kept(
    folder: Path, play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary stays, the file goes, and the note states what it had."""
    monkeypatch.setattr("harness.bench.traces.MOST_KEPT", 100)
    play(called(A), ratios={"tip": 0.5})
    found = run(folder, select=("A",), budget=3600.0, trace=("all",))
    assert list((found.folder / "traces").iterdir()) == []
    for one in found.traces:
        assert one.summary is not None
        assert (one.file, one.file_bytes) == ("", 0)
        assert "was not kept" in one.note


# --- trouble ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "word"), [(Status.TIMED_OUT, "timed out"), (Status.FAILED, "failed")])
def test_unfinished_cases_are_recorded(
    folder: Path, play: Callable[..., Play], status: Status, word: str
) -> None:
    """A case that hung or died is on the disk with its reason, is a verdict at once, and is not measured
    again."""
    one = play(called(A, B), ratios={"tip": 0.5})

    def first_dies(invocation: int, report: WorkerReport) -> WorkerReport:
        if invocation > 1:
            return report
        return WorkerReport(
            report.measurements[1:], Measurement(A, "A", 1, status, "its process ended by SIGKILL")
        )

    one.report = first_dies
    screen = Screen()
    found = run(folder, screen, select=("A", "B"))
    assert outcomes(found) == {A: word, f"{B} tip": "holds"}
    assert [str(v.outcome) for v in screen.fallen if v.case == A] == [word]
    assert sum(m.case == A for m in found.measurements) == 1
    assert "SIGKILL" in next(v.reason for v in judge(found) if v.case == A)
    assert all(A not in cases for _, invocation, cases in one.requests if invocation > 1)


def test_what_the_collection_missed_is_recorded(folder: Path, play: Callable[..., Play]) -> None:
    """Skipped and failed cases and files that cannot be imported have verdicts with reasons before
    measuring."""
    one = play(
        called(
            A,
            skipped={f"{B}[x]": "needs a GPU"},
            failed={f"{B}[y]": "RuntimeError: boom"},
            collected=Collected(broken={"sub/bench_b.py": "no module named nothing"}),
        ),
        ratios={"tip": 0.5},
    )
    screen = Screen()
    found = run(folder, screen, select=("A", "B", "SB"))
    assert outcomes(found) == {f"{A} tip": "holds", f"{B}[x]": "skipped", f"{B}[y]": "failed", SB: "failed"}
    assert {v.case: v.reason for v in judge(found) if v.case != A} == {
        f"{B}[x]": "needs a GPU",
        f"{B}[y]": "RuntimeError: boom (invocation 0)",
        SB: "no module named nothing (invocation 0)",
    }
    assert [v.case for v in screen.fallen][:3] == [f"{B}[x]", f"{B}[y]", SB]
    (where,) = [note for note in screen.notes if "whole tracebacks are in" in note]
    assert where.endswith("process-*.log")
    assert screen.planned == (1, 1)
    assert one.requests


def test_what_cannot_be_read_fails_and_the_others_are_measured(
    folder: Path, play: Callable[..., Play]
) -> None:
    """A broken file that is selected has a verdict with file and line; the claims of the others are
    measured."""
    (folder / "benchmarks" / "bench_z.py").write_text("x = 1\ndef (\n")
    one = play(called(A), ratios={"tip": 0.5})
    found = run(folder, select=("A", "z"))
    assert outcomes(found)["bench_z.py::"] == "failed"
    assert outcomes(found)[f"{A} tip"] == "holds"
    (reason,) = [v.reason for v in judge(found) if v.case == "bench_z.py::"]
    assert "bench_z.py:2: it cannot be read as Python" in reason
    assert one.files == ["bench_a.py"]


def test_a_folder_with_brackets_in_its_name(folder: Path, play: Callable[..., Play]) -> None:
    """A file that pytest cannot be given has its verdict with the reason under its own name."""
    (folder / "benchmarks" / "s[1]").mkdir()
    (folder / "benchmarks" / "s[1]" / "bench_z.py").write_text("def bench_z(compare): pass\n")
    play(called(A), ratios={"tip": 0.5})
    found = run(folder, select=("A", "z"))
    (verdict,) = [verdict for verdict in judge(found) if verdict.claim == "z"]
    assert (verdict.case, verdict.outcome) == ("s[1]/bench_z.py::", Outcome.FAILED)
    assert "rename the folder or file" in verdict.reason


def test_what_cannot_be_read_and_is_not_selected_is_a_note(folder: Path, play: Callable[..., Play]) -> None:
    """A broken file that was not requested costs a line on the screen and nothing in the record."""
    (folder / "benchmarks" / "bench_z.py").write_text("def (\n")
    play(called(A), ratios={"tip": 0.5})
    screen = Screen()
    found = run(folder, screen, select=("A",))
    assert set(outcomes(found).values()) <= {"holds", "lost"}
    assert [claim.name for claim in found.claims] == ["A"]
    assert len([note for note in screen.notes if "bench_z.py:1: " in note]) == 1


def test_nothing_that_can_be_read_makes_no_run(folder: Path) -> None:
    """Where all that was requested is broken there is an error with file and line, and no folder."""
    (folder / "benchmarks" / "bench_z.py").write_text("def (\n")
    with pytest.raises(ClaimError, match=r"bench_z\.py:1: it cannot be read as Python"):
        run(folder, select=("z",))
    assert store.run_folders(folder / "results") == []


def test_nothing_to_measure_is_a_run_too(folder: Path, play: Callable[..., Play]) -> None:
    """Where every case is skipped the run is over at once."""
    play(called(skipped={A: "needs a GPU"}))
    found = run(folder, select=("A",))
    assert found.ended.text == "nothing could be measured"
    assert found.ended.complete
    assert outcomes(found) == {A: "skipped"}


def test_an_error_of_the_pool_ends_the_run(folder: Path, play: Callable[..., Play]) -> None:
    """An error in an invocation stops the run; what was measured is kept, and the record states why it
    ended."""
    one = play(called(A), ratios={"tip": 0.5})
    one.report = lambda invocation, report: (
        report if invocation < 3 else WorkerReport([], None, error="no space left")
    )
    with pytest.raises(WorkerError, match="no space left"):
        run(folder, select=("A",))
    assert saved(folder).ended.text == "stopped: no space left"
    assert len(saved(folder).measurements) == 2


@pytest.mark.parametrize(
    "error", [WorkerError("no torch"), StoreError("no space"), ZeroDivisionError("a bug")]
)
def test_any_error_is_why_the_run_ended(folder: Path, play: Callable[..., Play], error: Exception) -> None:
    """Whatever goes wrong, a bug of ours included, is written as the end of the run and passed on."""
    one = play(called(A))

    def fails(invocation: int, report: WorkerReport) -> WorkerReport:
        raise error

    one.report = fails
    with pytest.raises(type(error)):
        run(folder, select=("A",))
    assert saved(folder).ended.text.startswith("stopped: ")
    assert str(error) in saved(folder).ended.text
    assert outcomes(saved(folder)) == {A: "lost"}


def test_an_interrupt_leaves_a_run(folder: Path, play: Callable[..., Play]) -> None:
    """Ctrl-C passes through, and the run can be loaded with all that was measured before."""
    one = play(called(A, B))

    def interrupted(invocation: int, report: WorkerReport) -> WorkerReport:
        if invocation == 3:
            raise KeyboardInterrupt
        return report

    one.report = interrupted
    with pytest.raises(KeyboardInterrupt):
        run(folder, select=("A", "B"))
    found = saved(folder)
    assert found.ended.text == "interrupted"
    assert len(found.measurements) == 4
    assert set(outcomes(found).values()) == {"inconclusive"}


def test_a_gpu_that_torch_cannot_use(folder: Path, play: Callable[..., Play]) -> None:
    """A GPU that torch cannot use is an error with the remedy, unless the CPU was requested."""
    one = play(called(A, unusable_gpu="driver 470 is too old: update it"))
    with pytest.raises(UnusableGpu, match="update it"):
        run(folder, select=("A",))
    assert one.requests == []
    assert "driver 470" in saved(folder).ended.text


def test_a_gpu_that_was_not_requested(folder: Path, play: Callable[..., Play]) -> None:
    """With the CPU requested, such a GPU does not matter."""
    one = play(called(A, unusable_gpu="driver 470 is too old"), ratios={"tip": 0.5})
    run(folder, select=("A",), device="cpu")
    assert one.requests


def test_bad_requests_make_no_run(folder: Path) -> None:
    """A claim that is not there or an interpreter that is none is an error before there is a folder."""
    with pytest.raises(UsageError, match="no such claim"):
        run(folder, select=("Q9",))
    with pytest.raises(UsageError, match="--trace Q9: no such claim"):
        run(folder, trace=("Q9",))
    with pytest.raises(LaunchError, match="is not a Python that starts"):
        run(folder, python="/no/such/python")
    assert store.run_folders(folder / "results") == []


# --- timeline -----------------------------------------------------------------------------------------------


def test_a_run_records_its_timeline(folder: Path, play: Callable[..., Play]) -> None:
    """From its beginning to its end: what processes did, measured cases stage by stage, passes as they
    are."""
    one = play(called(A), ratios={"tip": 0.5}, seconds=4.0)
    found = run(folder, select=("A",), budget=3600.0).timeline
    assert (found.start, found.end) == (0.0, one.clock.now())
    first = [span for span in found.spans if span.invocation == 1]
    assert [(span.activity, span.seconds) for span in first] == [
        (Activity.SET_UP, 2.0),
        (Activity.ROUNDS, 1.0),
        (Activity.ENDING, 1.0),
    ]
    assert [span.activity for span in found.spans if span.invocation == FIRST_LOOK + 1] == [Activity.WEIGHING]


# --- watched ------------------------------------------------------------------------------------------------


def test_a_run_is_watched_unless_it_is_turned_off(folder: Path, play: Callable[..., Play]) -> None:
    """Telemetry lies beside the records; with a rate of 0 there is none, and the verdicts are the same."""
    play(called(A), ratios={"tip": 0.5})
    watched = run(folder, select=("A",))
    assert watched.telemetry.hertz == 20
    assert {each.device for each in watched.telemetry.series} == {"host"}
    assert watched.telemetry.cost is not None
    play(called(A), ratios={"tip": 0.5})
    left_alone = run(folder, select=("A",), watch=0.0)
    assert left_alone.telemetry == Telemetry()
    assert outcomes(left_alone) == outcomes(watched)


def test_a_run_beside_another_process_says_so_in_its_record(
    folder: Path, play: Callable[..., Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's process on the GPU is in the run's last record, in its telemetry, and on the screen."""
    nvml = Replayed(processes=[[[os.getppid(), 4096]]])
    monkeypatch.setattr(module, "Monitor", partial(Monitor, module=nvml))
    collection = called(A)
    collection.environment["device"] = {"type": "cuda", "uuid": UUID}
    play(collection, ratios={"tip": 0.5})
    screen = Screen()
    found = run(folder, screen, select=("A",))
    assert {(seen.when, seen.pid) for seen in found.telemetry.other_processes} >= {("before", os.getppid())}
    last = (found.folder / store.RUN_FILE).read_text().splitlines()[-1]
    assert json.loads(last)["beside"][0]["pid"] == os.getppid()
    assert found.ended.text
    assert any("not this run's alone" in note for note in screen.notes)
