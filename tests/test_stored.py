"""A gate against a stored run: the same machine, as many invocations, and no green where something is missing."""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

import pytest
from replayed import UUID, Replayed

from harness import store
from harness.compare.gate import GateThresholds
from harness.model import BASELINE, Claim, ClockEvent, Gated, GateResult, Measurement, Reading, Status, Trial
from harness.run import stored as module
from harness.run.arms import NothingToCompare
from harness.run.crew import Report
from harness.run.roll_call import RollCall
from harness.run.settings import UsageError
from harness.run.stored import against_stored, refuse_other_machine
from harness.run.watching import Watch

Told = Callable[[str, int], None]

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


def measured(case: str, invocation: int, seconds: float, variants: tuple[str, ...] = (BASELINE, "tip")) -> Measurement:
    """One invocation on a steady machine."""
    noise = random.Random(f"{case}{invocation}{seconds}")
    trials = tuple(
        Trial(name, samples={"seconds": tuple(seconds * (1 + noise.gauss(0, 0.001)) for _ in range(8))})
        for name in variants
    )
    return Measurement(case, "X", invocation, trials=trials, seconds=0.1)


class Fake:
    """A crew whose measurements are made up."""

    cases: Mapping[str, float]

    def __init__(self, *_: object, begins: Told, ends: Told, **__: object) -> None:
        self.begins, self.ends = begins, ends

    def __enter__(self) -> Fake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def roll_call(self, files: list[str]) -> RollCall:
        """What is here now."""
        device = {"type": "cuda", "uuid": UUID}
        return RollCall(environment={**HERE, "device": device}, cases=dict.fromkeys(self.cases, (BASELINE, "tip")))

    def measure(self, invocation: int, plan: Mapping[str, Any], **_: Any) -> Report:
        """One invocation of what was planned."""
        found = []
        for case in plan:
            start = monotonic()
            self.begins(case, invocation)
            self.ends(case, invocation)
            step = (monotonic() - start) / 8
            moments = tuple((start + block * step, start + (block + 1) * step) for block in range(8))
            found.append(replace(measured(case, invocation, self.cases[case]), blocks=moments))
        return Report(found)


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


def held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, now: Mapping[str, float], baseline: Path, watch: str = "0"
) -> GateResult:
    """The result of gating what is here now against the stored run."""
    monkeypatch.setattr(module, "Crew", type("Now", (Fake,), {"cases": now}))
    kept: list[GateResult] = []
    options = argparse.Namespace(
        baseline=baseline, results=folder / "results", budget=None, data=None, device="auto", watch=watch
    )

    def finish(result: GateResult, _folder: Path, _options: argparse.Namespace) -> int:
        kept.append(result)
        return result.status

    status = against_stored(options, folder, [CLAIM], GateThresholds(), finish)
    assert status == kept[0].status
    return kept[0]


def test_what_is_slower_than_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that did not wander a tenth more is regressed, and the same is unchanged."""
    baseline = run(tmp_path, {CASE: 1e-3, OTHER: 1e-3})
    result = held(tmp_path, monkeypatch, {CASE: 1.1e-3, OTHER: 1e-3}, baseline)
    outcomes = {(verdict.case, verdict.variant): verdict.outcome for verdict in result.verdicts}
    assert {outcomes[CASE, "tip"], outcomes[CASE, BASELINE]} == {Gated.REGRESSED}
    assert {outcomes[OTHER, "tip"], outcomes[OTHER, BASELINE]} == {Gated.UNCHANGED}
    assert (result.status, result.decisions, result.units) == (1, 4, 14)
    kept = [folder for folder in store.run_folders(tmp_path / "results") if folder != baseline]
    assert len(kept) == 1


def test_what_is_gone_is_missing_and_what_came_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renamed case is both, and never green."""
    result = held(tmp_path, monkeypatch, {OTHER: 1e-3}, run(tmp_path, {CASE: 1e-3}))
    assert {verdict.outcome for verdict in result.verdicts if verdict.case == CASE} == {Gated.MISSING}
    assert result.status == 3


def test_a_short_run_cannot_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One invocation of old says nothing, however many of new."""
    result = held(tmp_path, monkeypatch, {CASE: 2e-3}, run(tmp_path, {CASE: 1e-3}, invocations=1))
    assert {verdict.outcome for verdict in result.verdicts} == {Gated.INCONCLUSIVE}
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
    """A variant that fails now is missing with its reason."""
    baseline = run(tmp_path, {CASE: 1e-3})

    def failing(self: Fake, invocation: int, plan: Mapping[str, Any], **_: Any) -> Report:
        found = measured(CASE, invocation, 1e-3, (BASELINE,))
        failed = Trial("tip", Status.FAILED, "boom")
        return Report([Measurement(CASE, "X", invocation, trials=(*found.trials, failed))])

    monkeypatch.setattr(Fake, "measure", failing)
    result = held(tmp_path, monkeypatch, {CASE: 1e-3}, baseline)
    (found,) = [verdict for verdict in result.verdicts if verdict.variant == "tip"]
    assert (found.outcome, found.reason) == (Gated.MISSING, "boom")


def test_it_is_watched_and_says_what_a_reader_must_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telemetry lies beside the records; heat now and heat then are both in the notes."""
    hot = int(ClockEvent.HARDWARE_THERMAL)
    monkeypatch.setattr(module, "Watch", partial(Watch, module=Replayed(events=[hot])))
    baseline = run(tmp_path, {CASE: 1e-3})
    writer = store.TelemetryWriter(baseline, hertz=20.0, start=0.0)
    writer.devices([UUID])
    errors = [Reading(float(count), UUID, "uncorrected_errors", float(count)) for count in (0, 2)]
    writer.readings([(CASE, 1, errors)])
    writer.end(0.0)
    result = held(tmp_path, monkeypatch, {CASE: 1e-3}, baseline, watch="20")
    assert any("the GPU was throttled in 100 % of all blocks (hardware thermal)" in note for note in result.notes)
    assert any(note.startswith(f"the stored run: {UUID} had 2 memory errors") for note in result.notes)
    (kept,) = [folder for folder in store.run_folders(tmp_path / "results") if folder != baseline]
    seen = store.load(kept).telemetry
    assert {each.invocation for each in seen.series if each.case == CASE} == set(range(1, 15))


def test_a_rate_that_is_none_makes_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed wrong is said before anything is measured."""
    baseline = run(tmp_path, {CASE: 1e-3})
    with pytest.raises(UsageError, match="--watch 'often'"):
        held(tmp_path, monkeypatch, {CASE: 1e-3}, baseline, watch="often")
    assert store.run_folders(tmp_path / "results") == [baseline]


def test_blocks_that_heat_slowed_make_no_level(tmp_path: Path) -> None:
    """A level is that of the blocks that count; where most were slowed they all do."""
    given = measured(CASE, 1, 1e-3)
    rising = replace(given.trials[0], samples={"seconds": tuple(1e-3 * (block + 1) for block in range(8))})
    for events, expected in (((), 4.5e-3), ((64, 64, *[0] * 6), 5.5e-3), ((64, 64, 64, *[0] * 5), 4.5e-3)):
        found = module._levels([replace(given, trials=(rising,), clock_events=events)], keep=1.0)
        assert math.exp(found[CASE, BASELINE][0]) == pytest.approx(expected)
