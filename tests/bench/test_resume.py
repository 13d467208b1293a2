"""A run that is resumed: what is there counts, what is missing is measured, and nothing there is written
to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.bench.resume import OtherEnvironment, request_of
from harness.bench.run import bench
from harness.bench.settings import Settings
from harness.errors import UsageError
from harness.judge.run import judge
from harness.model import EndReason, Measurement, Status
from harness.report.builders.run import run_document
from harness.report.next_command import next_command
from harness.store import Run
from harness.workers.pool import WorkerReport
from tests.support.played import FIRST_LOOK, A, B, L, Play, Screen, called, outcomes

Plays = Callable[..., Play]


def settings(folder: Path, **more: Any) -> Settings:
    """Those of a run of A and B, unless stated."""
    stated = {"results": folder / "results", "select": ("A", "B"), "budget": 3600.0, "watch": 0.0}
    return Settings(folder / "benchmarks", **{**stated, **more})


def interrupted(folder: Path, play: Plays, after: int, **more: Any) -> Run:
    """A run that Ctrl-C ends once so many invocations were measured."""
    one = play(called(A, B), ratios={"tip": 0.5}, **more)

    def report(invocation: int, given: WorkerReport) -> WorkerReport:
        if invocation > after:
            raise KeyboardInterrupt
        return given

    one.report = report
    with pytest.raises(KeyboardInterrupt):
        bench(settings(folder), Screen(), width=2, command=("bench", "--select", "A,B"))
    (there,) = store.run_folders(folder / "results")
    return store.load(there)


def resumed(folder: Path, there: Run, **more: Any) -> tuple[Run, Screen]:
    """The same run after it was gone on with."""
    screen = Screen()
    bench(settings(folder, **more), screen, width=2, command=("bench", "--resume", "x"), resumed=there)
    return store.load(there.folder), screen


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a run's folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# --- going on -----------------------------------------------------------------------------------------------


def test_only_what_is_missing_is_measured(folder: Path, play: Plays) -> None:
    """Units that are there count; the numbers go on; what was written before stays as it was, byte by
    byte."""
    there = interrupted(folder, play, after=2)
    (there.folder / "invocation-003.jsonl").write_bytes(b'{"record":"header","sch')  # killed as it began
    before = files_of(there.folder)
    one = play(called(A, B), ratios={"tip": 0.5})
    found, screen = resumed(folder, there, watch=20.0)
    assert [(kind, number) for kind, number, _ in one.requests] == [
        *(("measure", number) for number in range(4, FIRST_LOOK + 2)),
        ("peak_bytes", FIRST_LOOK + 2),
    ]
    assert outcomes(found) == {f"{A} tip": "holds", f"{B} tip": "holds"}
    assert (found.ended.reason, found.claims, found.planned) == (EndReason.ALL_DECIDED, there.claims, (A, B))
    after = files_of(there.folder)
    assert {name: after[name] for name in before} == before
    assert {"run-2.jsonl", "telemetry-2.jsonl", "timeline-2.jsonl"} <= {*after} - {*before}
    assert any("it has 4 units of 2 cases, 0 verdicts decided" in note for note in screen.notes)
    assert any(label == "resumed" for label, _ in run_document(found).facts)


def test_the_same_verdicts_as_a_run_in_one_go(folder: Path, play: Plays) -> None:
    """The measurements of a resumed run are those of one that nothing stopped."""
    play(called(A, B), ratios={"tip": 0.5})
    whole = store.load(bench(settings(folder, results=folder / "other"), Screen(), width=2))
    there = interrupted(folder, play, after=1)
    play(called(A, B), ratios={"tip": 0.5})
    found, _ = resumed(folder, there)
    assert [v.outcome for v in judge(found)] == [v.outcome for v in judge(whole)]
    assert sorted(m.case for m in found.measurements) == sorted(m.case for m in whole.measurements)


def test_a_run_is_resumed_more_than_once(folder: Path, play: Plays) -> None:
    """Each time has files of its own; a killed part has no end, whatever an earlier one says."""
    there = interrupted(folder, play, after=1)
    one = play(called(A, B), ratios={"tip": 0.5})
    one.report = lambda number, report: report if number < 4 else _killed()
    with pytest.raises(KeyboardInterrupt):
        resumed(folder, there)
    part = there.folder / "run-2.jsonl"
    part.write_bytes(b"".join(line for line in part.read_bytes().splitlines(True) if b'"end"' not in line))
    killed = store.load(there.folder)
    assert killed.ended.reason is EndReason.NOT_RECORDED
    play(called(A, B), ratios={"tip": 0.5})
    found, _ = resumed(folder, killed)
    assert (there.folder / "run-3.jsonl").is_file()
    assert found.ended.reason is EndReason.ALL_DECIDED
    assert len(found.resumed) == 2
    units = [m.invocation for m in found.measurements if m.case == A and not m.survey]
    assert len(units) == len({*units}) == FIRST_LOOK


def _killed() -> WorkerReport:
    raise KeyboardInterrupt


def test_passes_are_not_repeated(folder: Path, play: Plays) -> None:
    """What was weighed alone, counted or traced is not done again; a used-up budget leaves the rest to the
    resumption."""
    one = play(called(A, L), ratios={"tip": 0.5})
    one.report = lambda number, report: report if number <= 2 * FIRST_LOOK + 2 else _killed()
    with pytest.raises(KeyboardInterrupt):
        bench(settings(folder, select=("A", "L"), trace=("A",)), Screen(), width=2)
    (place,) = store.run_folders(folder / "results")
    there = store.load(place)
    done = [(kind, cases) for kind, number, cases in one.requests if number <= 2 * FIRST_LOOK + 2]
    again = play(called(A, L), ratios={"tip": 0.5})
    found, _ = resumed(folder, there, select=("A", "L"), trace=("A",))
    passes = [(kind, cases) for kind, _, cases in again.requests]
    assert "trace" in {kind for kind, _ in done}
    assert passes == [("peak_bytes", (A,)), ("solo", (L, "baseline")), ("solo", (L, "tip"))]
    last = play(called(A, L), ratios={"tip": 0.5})
    bench(settings(folder, select=("A", "L"), trace=("A",)), Screen(), width=2, resumed=found)
    assert last.requests == []


def test_what_was_absent_is_recorded_once(folder: Path, play: Plays) -> None:
    """A case that failed when cases were collected is on record: another reason is no contradiction."""
    one = play(called(A, failed={B: "no such file"}), ratios={"tip": 0.5})
    one.report = lambda number, report: report if number < 2 else _killed()
    with pytest.raises(KeyboardInterrupt):
        bench(settings(folder), Screen(), width=2)
    (place,) = store.run_folders(folder / "results")
    play(called(A, failed={B: "no such file, 0x7f12"}), ratios={"tip": 0.5})
    found, _ = resumed(folder, store.load(place))
    assert [(m.status, m.reason) for m in found.measurements if m.case == B] == [
        (Status.FAILED, "no such file")
    ]
    assert found.warnings == ()


def test_its_own_budget(folder: Path, play: Plays) -> None:
    """A resumption has the run's budget once more, or what was typed; rounds are as long as before."""
    there = interrupted(folder, play, after=1)
    one = play(called(A, B), ratios={"tip": 0.5})
    begin = one.clock.now()
    resumed(folder, there, again=60.0)
    assert {*one.deadlines} == {begin + 60.0 * 1.06}
    assert len({request.limits for _, request in one.asked}) == 1


# --- moments ------------------------------------------------------------------------------------------------


def test_moments_of_parts_follow_one_another(folder: Path, play: Plays) -> None:
    """After a restart of the machine its clock begins anew: a later part is moved behind the one before."""
    there = interrupted(folder, play, after=2, seconds=50.0)
    one = play(called(A, B), ratios={"tip": 0.5})
    one.clock.seconds = 3.0
    found, _ = resumed(folder, there)
    assert found.timeline.start == there.timeline.start
    assert found.timeline.seconds == pytest.approx(there.timeline.seconds + one.clock.now() - 3.0)
    blocks = [block for m in found.measurements if m.case == A for block in m.blocks]
    assert blocks == sorted(blocks)
    begins = [span.begin for span in found.timeline.spans]
    assert begins == sorted(begins)


# --- what cannot be resumed ---------------------------------------------------------------------------------


def test_changed_benchmarks_are_named(folder: Path, play: Plays) -> None:
    """Another text of a benchmark, of what it may import, or a new one: the run is left as it was."""
    there = interrupted(folder, play, after=1)
    before = files_of(there.folder)
    (folder / "benchmarks" / "bench_b.py").write_text('@claim("B")\ndef bench_b(compare): return 1\n')
    (folder / "benchmarks" / "conftest.py").write_text("")
    play(called(A, B)).left = 1
    with pytest.raises(OtherEnvironment, match=r"bench_b\.py has changed, conftest\.py is new since"):
        resumed(folder, there)
    assert files_of(there.folder) == before


def test_a_benchmark_that_was_not_selected_may_change(folder: Path, play: Plays) -> None:
    """Other claims are nothing to this run."""
    there = interrupted(folder, play, after=1)
    (folder / "benchmarks" / "bench_l.py").write_text('@claim("L9")\ndef bench_l(compare): return 1\n')
    play(called(A, B), ratios={"tip": 0.5})
    assert resumed(folder, there)[0].ended.complete


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        ({"machine_id": "a"}, {"machine_id": "b"}, r"another machine \(a; this one is b\)"),
        ({"software": {"torch": "2.1"}}, {"software": {"torch": "2.2"}}, r"software\.torch: 2\.1 -> 2\.2"),
        ({"git": {"revision": "x"}}, {"git": {"revision": "y"}}, r"git\.revision: x -> y"),
    ],
)
def test_another_environment_is_named(
    folder: Path, play: Plays, there: dict[str, Any], here: dict[str, Any], words: str
) -> None:
    """What differs is in the message, and the run is left as it was."""
    play(replace(called(A, B), environment=there)).report = lambda number, report: _killed()
    with pytest.raises(KeyboardInterrupt):
        bench(settings(folder), Screen(), width=2)
    (place,) = store.run_folders(folder / "results")
    before = files_of(place)
    play(replace(called(A, B), environment=here))
    with pytest.raises(OtherEnvironment, match=words):
        resumed(folder, store.load(place))
    assert files_of(place) == before


def test_new_results_and_more_memory_are_no_other_environment(folder: Path, play: Plays) -> None:
    """The repository differs by the results themselves; a virtual machine's memory grows; warnings vary."""
    then = {"git": {"revision": "x", "dirty": False}, "machine": {"memory_bytes": 1}, "warnings": ["a"]}
    now = {"git": {"revision": "x", "dirty": True}, "machine": {"memory_bytes": 2}, "warnings": []}
    play(replace(called(A, B), environment=then)).report = lambda number, report: _killed()
    with pytest.raises(KeyboardInterrupt):
        bench(settings(folder), Screen(), width=2)
    (place,) = store.run_folders(folder / "results")
    play(replace(called(A, B), environment=now), ratios={"tip": 0.5})
    assert resumed(folder, store.load(place))[0].ended.complete


def test_complete_runs_and_those_of_earlier_versions(folder: Path, play: Plays) -> None:
    """There is nothing to add, or no way to know what would be the same."""
    there = interrupted(folder, play, after=1)
    assert request_of(there).select == ("A", "B")
    play(called(A, B), ratios={"tip": 0.5})
    with pytest.raises(UsageError, match="is complete \\(everything was decided\\)"):
        request_of(resumed(folder, there)[0])
    with pytest.raises(UsageError, match="does not say what its benchmark files were"):
        request_of(replace(there, request=None))
    with pytest.raises(UsageError, match="has no first record"):
        request_of(replace(there, facts={}))


# --- the report of what was stopped -------------------------------------------------------------------------


def test_an_interrupted_run_says_how_to_go_on(folder: Path, play: Plays) -> None:
    """The last line of its report is the command, in the form that was typed."""
    there = interrupted(folder, play, after=1)
    *_, aim, command = run_document(there).closing
    assert aim == "To decide 2 more verdicts:"
    assert command == f"  python -m harness bench --resume {there.folder} --budget 1m"
    found = replace(there, facts={**there.facts, "command": ["bench", "--data=a b", "--device", "cpu"]})
    assert next_command(found, judge(found)).command.endswith("--budget 1m --data 'a b'")
    settled = [replace(v, outcome=judge(there)[0].outcome.HOLDS) for v in judge(there)]
    assert next_command(there, settled).command == f"python -m harness bench --resume {there.folder}"


def test_a_measurement_of_an_earlier_part_is_not_new(folder: Path, play: Plays) -> None:
    """By case and invocation; the passes beside do not count."""
    there = interrupted(folder, play, after=1)
    (one, *_) = there.measurements
    from harness.bench.resume import Resumption

    resumption = Resumption.of(there)
    assert not resumption.is_new(one)
    assert resumption.is_new(Measurement(one.case, one.claim, 99))
