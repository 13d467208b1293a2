"""A gate against a stored run: the same machine, as many invocations, and no green where something is
missing."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import Any

import pytest
from rich.console import Console

from harness import store
from harness.cli.gate import refuse_beside_baseline
from harness.errors import UsageError
from harness.gate import baseline as module
from harness.gate.baseline import compare_with_saved, refuse_other_machine
from harness.gate.builds.side import NothingToCompare
from harness.gate.settings import BaselineSettings
from harness.judge.regression import GateThresholds
from harness.model import (
    BASELINE,
    Claim,
    ClockEvent,
    Collected,
    GateOutcome,
    GateResult,
    Measurement,
    SensorReading,
    Status,
    Trial,
    Work,
)
from harness.monitor.run import Monitor
from harness.report.gate_notes import notes_text
from harness.report.gate_reason import reason_text
from harness.report.progress.gate import GateProgress
from harness.store import runs
from harness.workers.collect import Collection
from harness.workers.pool import WorkerReport
from tests.support.replayed import UUID, Replayed

Event = Callable[[str, int], None]

CLAIM = Claim("X", "a tip", "a.py", "bench")
CASE, OTHER = "a.py::bench[1]", "a.py::bench[2]"
HERE: dict[str, Any] = {
    "machine_id": "here",
    "gpus": [],
    "driver": {},
    "software": {"torch": "2.14.1", "python": "3.11.7"},
    "flags": {"num_threads": 2},
    "machine": {"usable_cores": 2},
}


def measured(
    case: str, invocation: int, seconds: float, variants: tuple[str, ...] = (BASELINE, "tip")
) -> Measurement:
    """One invocation on a steady machine."""
    noise = random.Random(f"{case}{invocation}{seconds}")
    trials = tuple(
        Trial(name, samples={"seconds": tuple(seconds * (1 + noise.gauss(0, 0.001)) for _ in range(8))})
        for name in variants
    )
    return Measurement(case, "X", invocation, trials=trials, seconds=0.1)


class Fake:
    """A pool whose measurements are made up."""

    cases: Mapping[str, float]
    called: Mapping[str, Any] = MappingProxyType({})
    reached: int = 99

    def __init__(self, *_: object, begins: Event, ends: Event, **__: object) -> None:
        self.begins, self.ends = begins, ends

    def __enter__(self) -> Fake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def collect(self, files: list[str]) -> Collection:
        """What is here now."""
        device = {"type": "cuda", "uuid": UUID}
        there = dict.fromkeys(self.cases, (BASELINE, "tip"))
        return Collection(environment={**HERE, "device": device}, **{"cases": there, **self.called})

    def measure(self, invocation: int, plan: Mapping[str, Any], **_: Any) -> WorkerReport:
        """One invocation of what was planned."""
        found = []
        for case in list(plan)[: self.reached]:
            start = monotonic()
            self.begins(case, invocation)
            self.ends(case, invocation)
            step = (monotonic() - start) / 8
            moments = tuple((start + block * step, start + (block + 1) * step) for block in range(8))
            found.append(replace(measured(case, invocation, self.cases[case]), blocks=moments))
        return WorkerReport(found, out_of_time=self.reached < len(plan))


def run(folder: Path, cases: Mapping[str, float], invocations: int = 14) -> Path:
    """A stored run of these cases."""
    place = folder / "results" / "2026-01-01_00-00-00"
    place.mkdir(parents=True)
    writer = store.open_run(place, [CLAIM])
    writer.write("header", schema=1, environment=HERE, planned=list(cases))
    for invocation in range(1, invocations + 1):
        for case, seconds in cases.items():
            store.write_measurement(writer, measured(case, invocation, seconds))
    writer.write("end", why="done")
    writer.close()
    return place


def gated(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    now: Mapping[str, float],
    baseline: Path,
    claims: Sequence[Claim] = (CLAIM,),
    select: tuple[str, ...] = (),
    **more: Any,
) -> GateResult:
    """The result of gating what is here now against the stored run."""
    monkeypatch.setattr(module, "WorkerPool", type("Now", (Fake,), {"cases": now}))
    more.setdefault("watch", 0.0)
    settings = BaselineSettings(
        str(baseline), folder / "results", folder, claims, select, GateThresholds(), **more
    )
    return compare_with_saved(settings, GateProgress(Console(quiet=True)))[0]


def test_what_is_slower_than_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that did not drift a tenth more is regressed, and the same is unchanged."""
    baseline = run(tmp_path, {CASE: 1e-3, OTHER: 1e-3})
    result = gated(tmp_path, monkeypatch, {CASE: 1.1e-3, OTHER: 1e-3}, baseline)
    outcomes = {(verdict.case, verdict.variant): verdict.outcome for verdict in result.verdicts}
    assert {outcomes[CASE, "tip"], outcomes[CASE, BASELINE]} == {GateOutcome.REGRESSED}
    assert {outcomes[OTHER, "tip"], outcomes[OTHER, BASELINE]} == {GateOutcome.UNCHANGED}
    assert (result.status, result.decisions, result.units) == (1, 4, 14)
    kept = [folder for folder in store.run_folders(tmp_path / "results") if folder != baseline]
    assert len(kept) == 1


def test_what_is_gone_is_missing_and_what_came_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renamed case is both, and never green."""
    result = gated(tmp_path, monkeypatch, {OTHER: 1e-3}, run(tmp_path, {CASE: 1e-3}))
    assert {verdict.outcome for verdict in result.verdicts if verdict.case == CASE} == {GateOutcome.MISSING}
    assert {verdict.outcome for verdict in result.verdicts if verdict.case == OTHER} == {GateOutcome.NEW}
    assert result.status == 3


def test_a_new_case_is_listed_and_hinders_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stored run does not have it: it is not measured, and what is unchanged is green."""
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3, OTHER: 1e-3}, run(tmp_path, {CASE: 1e-3}))
    assert outcomes(result, OTHER) == {(GateOutcome.NEW, "the stored run does not have this case")}
    assert (result.status, result.decisions) == (0, 2)


def outcomes(result: GateResult, case: str) -> set[tuple[GateOutcome, str]]:
    """What became of a case, and why."""
    return {(verdict.outcome, reason_text(verdict)) for verdict in result.verdicts if verdict.case == case}


def test_what_cannot_be_measured_now_has_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed is failed, skipped is missing, and a file that cannot be imported is not "renamed"."""
    baseline = run(tmp_path, {CASE: 1e-3, OTHER: 1e-3})
    for called, outcome, words in (
        (
            {"cases": {OTHER: (BASELINE, "tip")}, "failed": {CASE: "ValueError: no"}},
            GateOutcome.FAILED,
            "ValueError: no",
        ),
        ({"cases": {OTHER: (BASELINE, "tip")}, "skipped": {CASE: "no GPU"}}, GateOutcome.MISSING, "no GPU"),
        (
            {"cases": {}, "collected": Collected(broken={"a.py": "ImportError: no x"})},
            GateOutcome.FAILED,
            "no x",
        ),
        ({"cases": {OTHER: (BASELINE, "tip")}}, GateOutcome.MISSING, "gone or renamed?"),
    ):
        monkeypatch.setattr(Fake, "called", called)
        result = gated(tmp_path, monkeypatch, {OTHER: 1e-3}, baseline)
        found = outcomes(result, CASE)
        assert {each for each, _ in found} == {outcome}
        assert all(words in why for _, why in found)
        assert result.status == 3


def test_a_variant_that_cannot_run_now_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is unavailable has its reason; one that has no case any more may have been renamed."""
    baseline = run(tmp_path, {CASE: 1e-3})
    both = {"cases": {CASE: (BASELINE, "tip")}, "unavailable": {CASE: {"tip": "no kernel"}}}
    for called, words in ((both, "no kernel"), ({"cases": {CASE: (BASELINE,)}}, "gone or renamed?")):
        monkeypatch.setattr(Fake, "called", called)
        result = gated(tmp_path, monkeypatch, {CASE: 1e-3}, baseline)
        (found,) = [verdict for verdict in result.verdicts if verdict.variant == "tip"]
        assert (found.outcome, words in reason_text(found)) == (GateOutcome.MISSING, True)


def test_what_the_budget_kept_from_being_measured_was_not_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is inconclusive, and not taken for a case that is gone."""
    monkeypatch.setattr(Fake, "reached", 1)
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3, OTHER: 1e-3}, run(tmp_path, {CASE: 1e-3, OTHER: 1e-3}))
    assert outcomes(result, OTHER) == {(GateOutcome.INCONCLUSIVE, "not reached")}
    assert "the time budget was used up: what was not measured by then was not reached" in notes_text(result)


def test_an_interrupt_judges_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the ninth invocation: the eight before it count, and the status is that of an interrupt."""
    measure = Fake.measure

    def interrupted(self: Fake, invocation: int, plan: Mapping[str, Any], **more: Any) -> WorkerReport:
        if invocation == 9:
            raise KeyboardInterrupt
        return measure(self, invocation, plan, **more)

    monkeypatch.setattr(Fake, "measure", interrupted)
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3}, run(tmp_path, {CASE: 1e-3}))
    assert (result.status, result.units) == (130, 8)
    assert {each for each, _ in outcomes(result, CASE)} == {GateOutcome.UNCHANGED}


@pytest.mark.parametrize("reached", [99, 0])
def test_an_interrupt_behind_the_last_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: int
) -> None:
    """While its processes are ended: what they measured is judged, and without any of it there is no gate."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Fake, "__exit__", interrupted)
    monkeypatch.setattr(Fake, "reached", reached)
    saved = run(tmp_path, {CASE: 1e-3})
    if not reached:
        with pytest.raises(KeyboardInterrupt):
            gated(tmp_path, monkeypatch, {CASE: 1e-3}, saved)
        return
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3}, saved)
    assert (result.status, result.units) == (130, 14)
    assert {verdict.outcome for verdict in result.verdicts} == {GateOutcome.UNCHANGED}


def test_what_the_stored_run_could_not_measure_is_not_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It failed there, or was planned and never reached: what it took is unknown."""
    place = run(tmp_path, {OTHER: 1e-3})
    writer = store.Writer(place / "invocation-015.jsonl")
    writer.write("header", schema=1, environment=HERE, planned=[CASE])
    writer.close()
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3, OTHER: 1e-3}, place)
    assert {each for each, _ in outcomes(result, CASE)} == {GateOutcome.FAILED}
    assert result.status == 3


def test_a_benchmark_that_is_gone_from_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stored run's claims count as well as those that are here; a selection counts for both."""
    baseline = run(tmp_path, {CASE: 1e-3})
    others = [Claim("Z9", "another", "z.py", "bench")]
    monkeypatch.setattr(Fake, "called", {"cases": {}})
    gone = gated(tmp_path, monkeypatch, {}, baseline, claims=others)
    assert {each for each, _ in outcomes(gone, CASE)} == {GateOutcome.MISSING}
    chosen = gated(tmp_path, monkeypatch, {}, baseline, claims=others, select=("Z9",))
    assert not outcomes(chosen, CASE)


def test_other_inputs_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `compare` has it: other stated work is no slow-down, and never green."""
    baseline = run(tmp_path, {CASE: 1e-3})

    def more(self: Fake, invocation: int, plan: Mapping[str, Any], **_: Any) -> WorkerReport:
        return WorkerReport([replace(measured(CASE, invocation, 2e-3), work=Work(items=2))])

    monkeypatch.setattr(Fake, "measure", more)
    result = gated(tmp_path, monkeypatch, {CASE: 2e-3}, baseline)
    assert {each for each, _ in outcomes(result, CASE)} == {GateOutcome.FAILED}
    assert all("other inputs" in why for _, why in outcomes(result, CASE))


def test_another_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on a GPU is not comparable with one on the CPU."""
    with pytest.raises(NothingToCompare, match="measured on cpu, and this would be on cuda: --device cpu"):
        gated(tmp_path, monkeypatch, {CASE: 1e-3}, run(tmp_path, {CASE: 1e-3}), device="cuda")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"base": "main"}, "--base: main contradicts --baseline"),
        ({"threads": 2}, "--threads: 2 contradicts"),
        ({"base_python": "/bin/python"}, "--base-python: /bin/python contradicts"),
        ({"head_python": "/bin/python"}, "--head-python: /bin/python contradicts"),
        ({"base_env": ["A=1", "B=2"]}, "--base-env: A=1 B=2 contradicts"),
        ({"head_env": ["A=1"]}, "--head-env: A=1 contradicts"),
    ],
)
def test_options_that_contradict_a_baseline(typed: Mapping[str, Any], words: str) -> None:
    """They are refused before anything is measured, rather than ignored."""
    with pytest.raises(UsageError, match=words):
        refuse_beside_baseline(argparse.Namespace(**typed))


def test_more_memory_than_the_stored_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The allocator's peaks are compared as in a gate between revisions."""

    def peaking(case: str, invocation: int, seconds: float, peak: float) -> Measurement:
        found = measured(case, invocation, seconds)
        return replace(
            found, trials=tuple(replace(trial, exact={"peak_bytes": peak}) for trial in found.trials)
        )

    place = run(tmp_path, {CASE: 1e-3})
    writer = store.Writer(place / "invocation-015.jsonl")
    store.write_measurement(writer, peaking(CASE, 15, 1e-3, 2.0**24))
    writer.close()

    def measure(_: Fake, unit: int, plan: Mapping[str, Any], **__: Any) -> WorkerReport:
        return WorkerReport([peaking(CASE, unit, 1e-3, 2.0**25)])

    monkeypatch.setattr(Fake, "measure", measure)
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3}, place)
    memory = {verdict.outcome for verdict in result.verdicts if verdict.metric == "peak_bytes"}
    assert (memory, result.status) == ({GateOutcome.REGRESSED}, 1)


def test_a_gate_is_not_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed as a gate, and `latest` stays the run it was; its head can be compared as a run."""
    baseline = run(tmp_path, {CASE: 1e-3})
    results = tmp_path / "results"
    gated(tmp_path, monkeypatch, {CASE: 1e-3}, baseline)
    assert [entry.kind for entry in runs.run_entries(results)] == ["run", "gate"]
    assert runs.find("latest", results).folder == baseline
    (gate,) = [entry for entry in runs.run_entries(results) if entry.gate]
    assert runs.open_entry(runs.find(f"{gate.folder.name}@head", results)).facts["profile"] == store.GATE
    with pytest.raises(store.StoreError, match="has a stored run as its base"):
        runs.open_entry(runs.find(f"{gate.folder.name}@base", results))


def test_a_short_run_cannot_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stored invocation decides nothing, however many are new."""
    result = gated(tmp_path, monkeypatch, {CASE: 2e-3}, run(tmp_path, {CASE: 1e-3}, invocations=1))
    assert {verdict.outcome for verdict in result.verdicts} == {GateOutcome.INCONCLUSIVE}
    assert result.status == 3


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"machine_id": "there"}, "machine"),
        ({"gpus": [{"name": "H200"}]}, "GPUs"),
        ({"software": {"torch": "2.11.0", "python": "3.11.7"}}, "torch"),
        ({"flags": {"num_threads": 1}}, "flags"),
        ({"machine": {"usable_cores": 8}}, "cores"),
    ],
)
def test_another_environment_is_refused(changed: dict[str, Any], named: str) -> None:
    """Each difference is named with both sides."""
    with pytest.raises(NothingToCompare, match=named):
        refuse_other_machine({**HERE, **changed}, HERE)
    refuse_other_machine(HERE, dict(HERE))


def test_trials_that_failed_have_no_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant that fails now is failed, with its reason."""
    baseline = run(tmp_path, {CASE: 1e-3})

    def failing(self: Fake, invocation: int, plan: Mapping[str, Any], **_: Any) -> WorkerReport:
        found = measured(CASE, invocation, 1e-3, (BASELINE,))
        failed = Trial("tip", Status.FAILED, "boom")
        return WorkerReport([Measurement(CASE, "X", invocation, trials=(*found.trials, failed))])

    monkeypatch.setattr(Fake, "measure", failing)
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3}, baseline)
    (found,) = [verdict for verdict in result.verdicts if verdict.variant == "tip"]
    assert (found.outcome, reason_text(found)) == (GateOutcome.FAILED, "this code: boom")


def test_it_is_watched_and_says_what_a_reader_must_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telemetry lies beside the records; throttling now and throttling then are both in the notes."""
    hot = int(ClockEvent.HARDWARE_THERMAL)
    monkeypatch.setattr(module, "Monitor", partial(Monitor, module=Replayed(events=[hot])))
    baseline = run(tmp_path, {CASE: 1e-3})
    writer = store.TelemetryWriter(baseline, hertz=20.0, start=0.0)
    writer.devices([UUID])
    errors = [SensorReading(float(count), UUID, "uncorrected_errors", float(count)) for count in (0, 2)]
    writer.readings([(CASE, 1, errors)])
    writer.end(0.0)
    result = gated(tmp_path, monkeypatch, {CASE: 1e-3}, baseline, watch=20.0)
    assert any(
        "the GPU was throttled in 100 % of all blocks (hardware thermal)" in note
        for note in notes_text(result)
    )
    assert any(note.startswith(f"the stored run: {UUID} had 2 memory errors") for note in notes_text(result))
    (kept,) = [folder for folder in store.run_folders(tmp_path / "results") if folder != baseline]
    seen = store.load(kept).telemetry
    assert {each.invocation for each in seen.series if each.case == CASE} == set(range(1, 15))
