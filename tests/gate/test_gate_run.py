"""The gate from end to end, with real live processes that need no torch and whose clocks go by script."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

import harness
from harness import store
from harness.bench.resume import OtherEnvironment
from harness.cli.gate import ACCEPTABLE
from harness.gate import extra_passes
from harness.gate import pair as pairing
from harness.gate import run as module
from harness.gate import units as units_module
from harness.gate.base_revision import BaseRevision
from harness.gate.case_state import CaseState
from harness.gate.decision import Decision, least_of
from harness.gate.explain import worst
from harness.gate.first_check import FirstCheck
from harness.gate.limits import FAR, MORE, WIDEST, effort_for, in_time, wider_by
from harness.gate.pair import SideCommand, WorkerPair
from harness.gate.resume import GateResumption, reported
from harness.gate.run import GateInterrupted, gate
from harness.gate.settings import GateSettings
from harness.gate.state import GateState
from harness.judge.regression import GateThresholds, Ruling, rule_for
from harness.judge.units import Unit
from harness.measure.limits import RoundLimits
from harness.measure.paired import PairedRounds, PairSettings, RoundsOutOfTime, paired_rounds
from harness.measure.runner import Round
from harness.model import (
    BASELINE,
    FIXTURE,
    Claim,
    ClockEvent,
    Collected,
    Comparison,
    GateNote,
    GateOutcome,
    GateResult,
    GateVerdict,
    Measurement,
    Package,
    ReasonText,
    Side,
    text_notes,
)
from harness.monitor.run import Monitor
from harness.report.format import quantity
from harness.report.gate_notes import notes_text
from harness.report.gate_reason import reason_text
from harness.report.progress.gate import GateProgress
from harness.store.gates import load_journal, load_side
from harness.store.telemetry import read_telemetry
from harness.workers.client import RemoteRunner
from harness.workers.collect import WorkerError
from harness.workers.protocol import SideInfo
from tests.support.forked import fork_for, forked
from tests.support.living import ENVIRONMENT, PATIENCE, ROOT, gone
from tests.support.replayed import UUID, Replayed
from tests.support.staged import ByHand

SIDE = """
import json, os, signal, sys
from pathlib import Path
from random import Random
from types import SimpleNamespace
sys.path.append(os.environ["TESTS"])
from tests.support import chrome
from harness.measure.clock import Elapsed
from harness.measure.correctness import WrongResult
from harness.measure.local_runner import LocalRunner
from harness.measure.failure import failure
from harness.workers.server import serve
from harness.measure.variant import prepared
from harness.probes.profile import ProfiledPass
from harness.processes.live import Channel
from harness.model import Collected, Package, Status
from harness.workers.codec import Failure, FailureKind, must_receive, send
from harness.workers.protocol import CaseAbsent, CaseFound, Ready, SideInfo

side = os.environ["SIDE"]
folder = Path(os.environ["SCRIPT"])
script = json.loads((folder / "script.json").read_text())[side]
channel = Channel.inherited()
with (folder / "pids").open("a") as file:
    child = os.fork()
    if not child:
        while True: signal.pause()
    print(os.getpid(), child, file=file)
if script.get("start") == "hangs": signal.pause()
if script.get("start") == "dies":
    print(script.get("words", "ImportError: no module named mypackage"), flush=True)
    sys.exit(3)
random = Random()

def noted(what):
    with (folder / "did").open("a") as file:
        print(os.getpid(), what, file=file)

class Clock:
    now_is = 0.0
    def __init__(self, factor, stall): self.factor, self.stall, self.deck = factor, stall, []
    def now(self): return self.now_is
    def stalls(self):
        # From a deck of twenty rather than one by one: no unit goes without.
        if not self.deck:
            self.deck = [index < 20 * self.stall for index in range(20)]
            random.shuffle(self.deck)
        return self.deck.pop()
    def lap(self, work, iterations):
        noted("round")
        result = work()
        each = 1e-3 * self.factor * (1 + random.gauss(0, does.get("noise", 0.002)))
        if self.stalls(): each *= 20
        self.now_is += each * iterations
        return Elapsed(each * iterations, None, result)

class Runner(LocalRunner):
    def read(self, metric):
        if metric == "launches":
            noted(metric)
            if does.get("launches") == "dies": os.kill(os.getpid(), signal.SIGKILL)
            if does.get("launches") == "raises": raise RuntimeError("no profiler")
            return (float(does["launches"]), "scale")
        return (float(self.peak), "scale") if metric in ("peak_bytes", "reserved_bytes") else None
    def profile(self, file):
        match does.get("profile"):
            case "dies": os.kill(os.getpid(), signal.SIGKILL)
            case "raises": raise RuntimeError("no profiler here")
            case "hangs": signal.pause()
        calls = does.get("linears", 1)
        spans = [chrome.mark("tipbench: window", 0, 2000), chrome.mark("tipbench: iteration", 0, 2000)]
        spans += [chrome.operator("aten::linear", 400 * n, 400 * n + 300) for n in range(calls)]
        if does.get("profile") == "torn": spans = [{"ph": 7}]
        file.parent.mkdir(exist_ok=True)
        chrome.written(file.parent, spans, file.name)
        return ProfiledPass(1, 1e-3, 2e-3)
    def functions(self):
        if does.get("profile") == "not Python": raise ValueError("another profiler is active")
        return ()
    def held_at_peak(self):
        return {"aten::linear": self.peak}

cases = script["cases"]
send(channel, Ready(Collected(tuple(cases), script.get("broken", {}), script.get("skipped", {}))))
plan = must_receive(channel)
if plan.introduce:
    if script.get("start") == "dies when introduced": os.kill(os.getpid(), signal.SIGKILL)
    if script.get("start") == "refuses":
        reason = "--device cuda was asked for, and torch sees no CUDA device here"
        send(channel, Failure(reason, FailureKind.REFUSED))
        sys.exit(2)
    packages = tuple(Package(name, f"/{side}/{name}.py", side) for name in plan.under_test)
    environment = {"side": side, "gpus": [], **script.get("environment", {})}
    send(channel, SideInfo(environment, packages, ""))
order = folder / f"order-{side}"
for case in plan.cases:
    does = cases[case]
    with order.open("a") as file:
        print(case, file=file)
    if does.get("dies") == "on the way": os.kill(os.getpid(), signal.SIGKILL)
    if "skipped" in does:
        send(channel, CaseAbsent(case, Status.SKIPPED, does["skipped"]))
        continue
    runners = {}
    for variant in does.get("variants", ["baseline", "tip"]):
        def iteration(variant=variant):
            match does.get("dies") if variant == does.get("victim", "tip") else None:
                case "in a round": os.kill(os.getpid(), signal.SIGKILL)
                case "hangs": signal.pause()
                case "raises": raise RuntimeError("boom")
            return variant
        clock = Clock(does.get("factor", 1.0), does.get("stall", 0.0))
        runner = Runner(variant, prepared(lambda: iteration), clock, None)
        runner.peak = does.get("peak", 1000)
        runners[variant] = runner
    def check(name, result):
        if does.get("wrong") == name: raise WrongResult("its result differs")
    absent = does.get("absent", {})
    send(channel, CaseFound(case, (*runners, *absent), absent))
    serve(channel, runners, failure, check, keep_alive=True)
"""
"""One side of a gate by script: what each case costs it, and what goes wrong."""

TESTS = str(ROOT)
CLAIM = Claim("X", "a tip", "a.py", "bench")
NAMED = [Claim("X", "a tip", f"{letter}.py", "bench") for letter in "abcdefg"]


class Quiet:
    """A screen that shows nothing."""

    def __init__(self) -> None:
        self.units = 0
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)

    def begins(self, case: str, unit: int) -> None:
        """Nothing."""

    def unit(self, number: int, decided: int, decisions: int, regressed: int, seconds: float) -> None:
        """Count."""
        self.units = number

    def tick(self) -> None:
        """Nothing."""

    remarks = GateProgress.remarks
    first_looks = GateProgress.first_looks
    unlikely = GateProgress.unlikely
    growth = GateProgress.growth
    memory_growth = GateProgress.memory_growth


class ScriptedGate:
    """A gate between two scripted sides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.out.mkdir()
        self.screen = Quiet()
        self.check: Callable[[Mapping[Side, SideInfo]], Sequence[GateNote]] = lambda _: ()

    def run(self, base: Mapping[str, Any], head: Mapping[str, Any], **more: Any) -> GateResult:
        """Both sides' cases by name; ``start`` and ``broken`` where a side's process itself misbehaves."""
        start = {side: more.pop(f"{side}_does", {}) for side in Side}
        resumption = more.pop("resumption", None)
        if resumption is None:
            (self.out / store.GATE_FILE).unlink(missing_ok=True)  # of another gate in the same test
        script = {"base": {"cases": base, **start[Side.BASE]}, "head": {"cases": head, **start[Side.HEAD]}}
        (self.folder / "script.json").write_text(json.dumps(script))
        sides = tuple(
            SideCommand(side, "python", {"SIDE": str(side), "SCRIPT": str(self.folder), "TESTS": TESTS})
            for side in Side
        )
        more.setdefault("watch", 0.0)
        settings = GateSettings(
            self.folder,
            more.pop("claims", NAMED[:1]),
            (sides[0], sides[1]),
            {Side.BASE: "old", Side.HEAD: "new"},
            more.pop("thresholds", GateThresholds()),
            **more,
        )
        return gate(settings, self.out, self.screen, self.check, resumption)

    @property
    def pids(self) -> list[int]:
        """Every process there was, forked workers included."""
        return [int(pid) for pid in (self.folder / "pids").read_text().split()]

    def order(self, side: Side) -> list[str]:
        """The cases a side was led to."""
        return (self.folder / f"order-{side}").read_text().split()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the pairs that are started, as ``pairs``."""
    counts: Counter[str] = Counter()
    enter = WorkerPair.__enter__

    def entered(self: WorkerPair) -> WorkerPair:
        counts["pairs"] += 1
        return enter(self)

    monkeypatch.setattr(WorkerPair, "__enter__", entered)
    return counts


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedGate:
    """A gate whose processes follow a script."""
    fork_for(monkeypatch)
    monkeypatch.setattr(pairing, "pytest_command", lambda *_: forked(SIDE))
    monkeypatch.setattr(pairing, "measuring_environment", lambda _: dict(ENVIRONMENT))
    monkeypatch.setattr(
        units_module, "effort_for", lambda *_, **__: RoundLimits(share=0.0, fewest_blocks=6, most_blocks=6)
    )
    return ScriptedGate(tmp_path)


def units_of(verdict: GateVerdict) -> int:
    """How many units it went by."""
    return verdict.comparison.units if verdict.comparison else 0


def by(
    result: GateResult, case: str = "a.py::bench", variant: str = "tip", metric: str = "seconds"
) -> GateVerdict:
    """The one verdict on a variant."""
    (found,) = [v for v in result.verdicts if (v.case, v.variant, v.metric) == (case, variant, metric)]
    return found


A, B, C = (f"{letter}.py::bench" for letter in "abc")


def test_identical_code_is_unchanged(scripted: ScriptedGate) -> None:
    """Six units are enough for both variants; every pair of samples is on the disk, and no process is
    left."""
    result = scripted.run({A: {}}, {A: {}})
    assert (result.status, result.units, result.decisions) == (0, 6, 2)
    assert {by(result, variant=name).outcome for name in (BASELINE, "tip")} == {GateOutcome.UNCHANGED}
    lines = [json.loads(line) for line in (scripted.out / store.GATE_FILE).read_text().splitlines()]
    assert [line["record"] for line in lines].count("pairing") == 12
    assert all(gone(pid) for pid in scripted.pids)


def test_a_slower_head_is_regressed(scripted: ScriptedGate) -> None:
    """Six per cent more is caught at the first failing look, one that a suite of two decisions can reject
    at."""
    result = scripted.run({A: {}}, {A: {"factor": 1.06}})
    found = by(result)
    compared = found.comparison
    assert compared is not None
    assert (result.status, found.outcome, compared.units) == (1, GateOutcome.REGRESSED, 9)
    assert compared.ratio == pytest.approx(1.06, abs=0.005)
    assert compared.low is not None
    assert compared.high is not None
    assert compared.low < compared.ratio < compared.high
    assert found.head == pytest.approx(1.06 * (found.base or 0), rel=0.02)


def test_a_baseline_alone_is_judged(scripted: ScriptedGate) -> None:
    """A gate needs no variants: the benchmark of a package of one's own may have a baseline and nothing
    beside it."""
    result = scripted.run({A: {"variants": ["baseline"]}}, {A: {"variants": ["baseline"], "factor": 1.05}})
    assert [(v.variant, v.outcome) for v in result.verdicts if v.metric == "seconds"] == [
        ("baseline", GateOutcome.REGRESSED)
    ]
    assert result.status == 1


def test_a_faster_head_is_no_regression(scripted: ScriptedGate) -> None:
    """Direction counts: what is faster improved, and so did its levels."""
    result = scripted.run({A: {"factor": 1.2}}, {A: {}})
    found = by(result)
    assert (result.status, found.outcome) == (0, GateOutcome.IMPROVED)
    assert found.base is not None
    assert found.comparison is not None
    assert (found.head or 0) / found.base == pytest.approx(found.comparison.ratio)


def test_what_lies_between_is_never_green(scripted: ScriptedGate) -> None:
    """A slow-down of nine tenths of the target is not unchanged; the exit status is not 0."""
    looks = GateThresholds(failing_looks=(6,), passing_looks=(6,), alpha=0.9)
    result = scripted.run({A: {}}, {A: {"factor": 1.045, "variants": ["tip"]}}, thresholds=looks)
    assert by(result).outcome in (GateOutcome.INCONCLUSIVE, GateOutcome.REGRESSED)
    assert result.status in (1, 3)


def test_a_head_that_stalls_is_judged_on_its_totals(scripted: ScriptedGate) -> None:
    """One round in four twenty times as long: the typical round is unchanged, the time is not."""
    monkey = pytest.MonkeyPatch()
    monkey.setattr(
        units_module, "effort_for", lambda *_, **__: RoundLimits(share=0.0, fewest_blocks=24, most_blocks=24)
    )
    try:
        result = scripted.run({A: {}}, {A: {"stall": 0.25}})
    finally:
        monkey.undo()
    found = by(result)
    assert (result.status, found.outcome) == (1, GateOutcome.REGRESSED)
    assert found.comparison is not None
    assert found.comparison.unsteady


def test_more_memory_is_a_regression_of_its_own(scripted: ScriptedGate) -> None:
    """Exact metrics are compared exactly, with their tolerance and floor, whatever the time is."""
    mib = 2**20
    base = {A: {"peak": 1000 * mib}, B: {"peak": 1000 * mib}, C: {"peak": 2**13, "factor": 1.2}}
    head = {A: {"peak": 1009 * mib}, B: {"peak": 1011 * mib}, C: {"peak": 3 * 2**13}}
    result = scripted.run(base, head, claims=NAMED[:3])
    assert by(result, A, metric="peak_bytes").outcome is GateOutcome.UNCHANGED
    assert by(result, B, metric="peak_bytes").outcome is GateOutcome.REGRESSED
    assert by(result, B, metric="reserved_bytes").outcome is GateOutcome.REGRESSED
    assert by(result, B).outcome is GateOutcome.UNCHANGED
    # A few KiB more are no regression of what became faster.
    assert (by(result, C, metric="peak_bytes").outcome, by(result, C).outcome) == (
        GateOutcome.UNCHANGED,
        GateOutcome.IMPROVED,
    )
    assert result.status == 1
    accepted = scripted.run(
        base, head, claims=NAMED[:3], accepted=frozenset({"peak_bytes", "reserved_bytes"})
    )
    assert {by(accepted, B, metric=name).outcome for name in ACCEPTABLE["memory"]} == {GateOutcome.ACCEPTED}
    assert accepted.status == 0


def test_both_sides_walk_the_same_way_in_random_order(scripted: ScriptedGate) -> None:
    """The order of the cases is drawn anew in each unit, and is the same on both sides."""
    cases: dict[str, dict[str, Any]] = {f"{letter}.py::bench": {} for letter in "abcdefg"}
    scripted.run(cases, cases, claims=NAMED)
    walks = [scripted.order(side) for side in Side]
    assert walks[0] == walks[1]
    units = [tuple(walks[0][index : index + 7]) for index in range(0, 42, 7)]
    assert {tuple(sorted(unit)) for unit in units} == {tuple(cases)}
    assert len(set(units)) > 1


def test_what_is_decided_leaves(scripted: ScriptedGate) -> None:
    """An unchanged case is not led to again while another is still open."""
    result = scripted.run({A: {}, B: {}}, {A: {}, B: {"factor": 1.06}}, claims=NAMED[:2])
    assert units_of(by(result, B)) == 10
    # Once more than there were units: what regressed is profiled.
    assert (scripted.order(Side.HEAD).count(A), scripted.order(Side.HEAD).count(B)) == (6, 11)


def test_a_clear_case_gets_half_the_blocks() -> None:
    """Half of what it would get, six at the least, and a finer target's are still more."""
    loader = Claim("L", "a tip", "a.py", "bench", loader=True)
    chosen = [(CLAIM, 0.05), (CLAIM, 0.02), (loader, 0.1)]
    assert [effort_for(*one).most_blocks for one in chosen] == [10, 40, 12]
    assert [effort_for(*one, clear=True).most_blocks for one in chosen] == [6, 20, 5]


def test_units_are_coarser_from_when_the_case_is_clear(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once every unit has shown the same, those that are still needed have fewer blocks."""

    def effort(*_: object, clear: bool, **__: object) -> RoundLimits:
        return RoundLimits(share=0.0, fewest_blocks=6 if clear else 10, most_blocks=6 if clear else 10)

    monkeypatch.setattr(units_module, "effort_for", effort)
    scripted.run({A: {}}, {A: {"factor": 1.06}}, thresholds=GateThresholds(alpha=1e-4))
    lines = [json.loads(line) for line in (scripted.out / "gate.jsonl").read_text().splitlines()]
    blocks = [
        len(line["trials"][0]["samples"]["seconds"])
        for line in lines
        if line["record"] == "pairing" and line["of"] == BASELINE
    ]
    assert len(blocks) > 8
    assert (set(blocks[:6]), set(blocks[6:])) == ({10}, {6})


def test_units_are_wider_where_rounds_vary_much(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the first look at which a slow-down can be named, and no more than three times as wide."""
    asked: list[float] = []

    def effort(*_: object, wider: float, **__: object) -> RoundLimits:
        asked.append(wider)
        return RoundLimits(share=0.0, fewest_blocks=10, most_blocks=10)

    monkeypatch.setattr(units_module, "effort_for", effort)
    noisy = {"variants": ["baseline"], "noise": 0.3}
    # No look at which chance alone could end it before units are wider.
    late = GateThresholds(alpha=1e-5, failing_looks=(24,), passing_looks=(24,))
    first = rule_for(late, 1).failing_looks[0]
    scripted.run({A: noisy}, {A: noisy}, thresholds=late)
    assert len(asked) == 24 > first
    assert (set(asked[:first]), set(asked[first:])) == ({1.0}, {WIDEST})


def test_a_wider_unit_has_more_blocks_and_as_much_more_time() -> None:
    """In proportion; a clear case and a loader have as many as ever."""
    usual, wide = effort_for(CLAIM, 0.05), effort_for(CLAIM, 0.05, wider=2.0)
    assert (wide.most_blocks, wide.share) == (2 * usual.most_blocks, 2 * usual.share)
    assert effort_for(CLAIM, 0.05, clear=True, wider=3.0) == effort_for(CLAIM, 0.05, clear=True)
    loader = Claim("L", "a tip", "a.py", "bench", loader=True)
    assert effort_for(loader, 0.1, wider=3.0) == effort_for(loader, 0.1)


def test_how_much_wider_a_unit_is_to_be() -> None:
    """Until pairs have no more part in what a unit is off by than is tolerated, behind the first look."""
    by = rule_for(GateThresholds(), 40)
    first = by.failing_looks[0]
    noise = by.tolerated / 1.4826 * 10**0.5  # its part in ten pairs is what is tolerated
    assert wider_by([], 10, by) == wider_by(noisy([9 * noise] * (first - 1)), 10, by) == 1.0
    assert wider_by(noisy([noise] * first), 10, by) == pytest.approx(1.0)
    assert wider_by(noisy([noise * 2**0.5] * first), 10, by) == pytest.approx(2.0)
    assert wider_by(noisy([noise / 9] * first), 10, by) == 1.0
    assert wider_by(noisy([9 * noise] * first), 10, by) == WIDEST
    assert wider_by(noisy([*[noise] * first, 1e6]), 10, by) == pytest.approx(1.0)  # one that stalled is one


@pytest.mark.parametrize("side", [1, -1])
def test_units_of_processes_far_apart_are_not_wider(side: int) -> None:
    """Wider units would not bring them closer; it goes by the distance from what is tolerated alone."""
    by = rule_for(GateThresholds(), 40)
    first = by.failing_looks[0]
    noise, far = by.near, FAR * by.near
    assert wider_by(noisy([noise] * first, by.tolerated + side * 0.9 * far), 10, by) == WIDEST
    assert wider_by(noisy([noise] * first, by.tolerated + side * 1.1 * far), 10, by) == 1.0
    loud = 1.1 * far / MORE / 1.4826 * 10**0.5  # rounds explain that distance
    assert wider_by(noisy([1.1 * loud] * first, by.tolerated + side * 1.1 * far), 10, by) == WIDEST


def noisy(noise: Sequence[float], quiet: float = 0.0) -> list[Unit]:
    """Units of one log ratio, each with its noise of a pair."""
    return [Unit(quiet, quiet, pair_noise=partial(float, one)) for one in noise]


# --- what cannot be judged ----------------------------------------------------------------------------------


def test_missing_new_and_skipped(scripted: ScriptedGate) -> None:
    """What head lost is never green, what it gained is listed, what both skip hinders nothing."""
    before = BaseRevision(frozenset({A}), frozenset({A}))
    gained = scripted.run({A: {}}, {A: {}, B: {}, C: {"skipped": "no GPU"}}, claims=NAMED[:3], before=before)
    assert by(gained, B, "").outcome is GateOutcome.NEW
    lost = scripted.run(
        {A: {}, B: {}, C: {"skipped": "no GPU"}}, {A: {}, C: {"skipped": "no GPU"}}, claims=NAMED[:3]
    )
    assert by(lost, B, "").outcome is GateOutcome.MISSING
    assert by(lost, C, "").outcome is GateOutcome.SKIPPED
    assert (gained.status, lost.status) == (0, 3)


def test_variants_may_come_and_go(scripted: ScriptedGate) -> None:
    """The same for single variants of a case."""
    base = {A: {"variants": ["baseline", "old"], "absent": {"gpu": "no GPU"}}}
    before = BaseRevision(frozenset({A}), frozenset({A}))
    result = scripted.run(
        base, {A: {"variants": ["baseline", "new"], "absent": {"gpu": "no GPU"}}}, before=before
    )
    outcomes = {variant: by(result, variant=variant).outcome for variant in ("baseline", "old", "new", "gpu")}
    assert outcomes == {
        "baseline": GateOutcome.UNCHANGED,
        "old": GateOutcome.MISSING,
        "new": GateOutcome.NEW,
        "gpu": GateOutcome.SKIPPED,
    }
    assert result.status == 3


def test_a_benchmark_of_the_bases_revision_that_is_gone(scripted: ScriptedGate) -> None:
    """Renaming everything is not the way past the gate; what base skips in a file of its own as well is
    new."""
    had = frozenset({A, "gone.py::bench"})
    before = BaseRevision(had, had)
    result = scripted.run({A: {"skipped": "old package"}}, {A: {}}, before=before)
    assert by(result, "gone.py::bench", "").outcome is GateOutcome.MISSING
    assert by(result, A, "").outcome is GateOutcome.NEW
    assert result.status == 3
    only = BaseRevision(frozenset({B}), frozenset({B}))
    new = scripted.run({A: {"skipped": "old package"}, B: {}}, {A: {}, B: {}}, before=only, claims=NAMED[:2])
    assert (by(new, A, "").outcome, new.status) == (GateOutcome.NEW, 0)


def test_a_slower_benchmark_in_a_file_that_base_cannot_import(scripted: ScriptedGate) -> None:
    """Head's file imports what base's package does not have: what base's revision has fails, whatever else is
    green."""
    broken = {"broken": {"a.py": "ImportError: cannot import name 'fast'"}}
    had = frozenset({A, B})
    result = scripted.run(
        {B: {}},
        {A: {"factor": 2.0}, B: {}},
        claims=NAMED[:2],
        base_does=broken,
        before=BaseRevision(had, had),
    )
    assert (by(result, A, "").outcome, by(result, B).outcome) == (GateOutcome.FAILED, GateOutcome.UNCHANGED)
    assert "cannot import name 'fast'" in reason_text(by(result, A, ""))
    assert result.status == 3


def test_a_base_that_cannot_be_asked(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate goes on, notes it, and takes nothing for new that base's revision may have."""

    def unanswered(*_: object, **__: object) -> BaseRevision:
        raise WorkerError("no process can measure")

    monkeypatch.setattr(module, "collect_cases", unanswered)
    before = BaseRevision(frozenset({A, B}), frozenset({A, B}), changed=frozenset({"b.py"}))
    result = scripted.run({A: {}}, {A: {}, B: {}}, claims=NAMED[:2], before=before)
    assert (by(result, B, "").outcome, result.status) == (GateOutcome.MISSING, 3)
    assert any("could not be collected" in note for note in notes_text(result))


def test_a_wrong_head_has_no_time(scripted: ScriptedGate) -> None:
    """A variant that disagrees with its own side's baseline is wrong, and named with its side."""
    result = scripted.run({A: {}}, {A: {"wrong": "tip"}})
    found = by(result)
    assert (found.outcome, found.comparison) == (GateOutcome.WRONG, None)
    assert "head" in reason_text(found)
    assert by(result, variant=BASELINE).outcome is GateOutcome.UNCHANGED
    assert result.status == 3


def test_a_benchmark_with_a_target_of_its_own(scripted: ScriptedGate) -> None:
    """Eight per cent more passes where fifteen are to be caught; the reason names the target."""
    claims = [NAMED[0], replace(NAMED[1], target=0.15)]
    slower = {"factor": 1.08}
    result = scripted.run({A: {}, B: {}}, {A: slower, B: slower}, claims=claims)
    assert by(result, A).outcome is GateOutcome.REGRESSED
    assert by(result, B).outcome is GateOutcome.UNCHANGED
    assert reason_text(by(result, B)).endswith("; its target is 15 %")
    assert "target" not in reason_text(by(result, A))


def test_tests_with_another_result_have_no_time(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first check found of a test is its verdict, and it is never timed."""
    ours = {case: {"variants": ["baseline"]} for case in (A, B, C)}
    found = FirstCheck({Side.HEAD: {B: "assert 1 == 2"}}, {A: "its result differs"}, text_notes(["a note"]))
    monkeypatch.setattr(module, "first_check", lambda *_, **__: found)
    result = scripted.run(ours, ours, claims=NAMED[:3])
    wrong, failed = by(result, A, ""), by(result, B, "")
    assert (wrong.outcome, reason_text(wrong)) == (GateOutcome.WRONG, "head: its result differs")
    assert (failed.outcome, reason_text(failed)) == (GateOutcome.FAILED, "head: assert 1 == 2")
    assert by(result, C, BASELINE).outcome is GateOutcome.UNCHANGED
    assert (result.status, result.decisions, notes_text(result)[0]) == (3, 1, "a note")


def test_a_test_that_pytest_does_not_collect_stands_in_nobodys_way(scripted: ScriptedGate) -> None:
    """Its class or a condition hides it from pytest, too; of our own benchmarks it is a failure."""
    suite = [NAMED[0], replace(NAMED[1], fixture=FIXTURE)]
    result = scripted.run({A: {}}, {A: {}}, claims=suite)
    assert (by(result, B, "").outcome, result.status) == (GateOutcome.SKIPPED, 0)
    assert reason_text(by(result, B, "")) == "head: pytest collects no such test"


@pytest.mark.parametrize("how", ["in a round", "raises", "on the way"])
@pytest.mark.parametrize("side", list(Side))
def test_what_dies_costs_its_own_case(scripted: ScriptedGate, side: Side, how: str) -> None:
    """A side that is killed or raises fails the variant it was at; the other cases are measured by later
    units."""
    sick: dict[str, Any] = {A: {"dies": how}, B: {}}
    well: dict[str, Any] = {A: {}, B: {}}
    result = scripted.run(*((sick, well) if side is Side.BASE else (well, sick)), claims=NAMED[:2])
    failed = [v for v in result.verdicts if v.outcome is GateOutcome.FAILED]
    assert failed
    assert all(v.case == A and str(side) in reason_text(v) for v in failed)
    assert {by(result, B, name).outcome for name in (BASELINE, "tip")} == {GateOutcome.UNCHANGED}
    assert result.status == 3
    assert all(gone(pid) for pid in scripted.pids)


def test_what_hangs_is_timed_out(scripted: ScriptedGate) -> None:
    """No answer within the claim's time limit ends that side; the rest goes on."""
    claims = [
        Claim("X", "a tip", f"{letter}.py", "bench", time_limit=limit)
        for letter, limit in (("a", 0.3), ("b", PATIENCE))
    ]
    result = scripted.run({A: {}, B: {}}, {A: {"dies": "hangs"}, B: {}}, claims=claims)
    assert by(result, A).outcome is GateOutcome.TIMED_OUT
    assert by(result, B).outcome is GateOutcome.UNCHANGED
    assert all(gone(pid) for pid in scripted.pids)


@pytest.mark.parametrize("how", ["dies", "dies when introduced"])
def test_a_base_that_does_not_start(scripted: ScriptedGate, how: str) -> None:
    """There is no gate without two sides: one message with the side and its last words, and no process is
    left."""
    with pytest.raises(WorkerError, match="base side"):
        scripted.run({A: {}}, {A: {}}, base_does={"start": how})
    assert all(gone(pid) for pid in scripted.pids)


CONFTEST = {
    "start": "dies",
    "words": "ImportError while loading conftest '/b/conftest.py'.\nE   ImportError: cannot import name 'fast'",
}


@pytest.mark.parametrize(
    ("base", "head", "words"),
    [
        (CONFTEST, {}, r"the base side cannot measure: .*cannot import name 'fast' .*; both sides measure head's "
                       r"files: import what only head has inside the benchmark or fixture that needs it"),
        (CONFTEST, CONFTEST, r"the (base|head) side cannot measure: .*cannot import name 'fast' \(see [^;]*\)$"),
        ({}, CONFTEST, r"the head side cannot measure: .*cannot import name 'fast' \(see [^;]*\)$"),
    ],
)  # fmt: skip
def test_a_conftest_that_cannot_be_imported(scripted: ScriptedGate, base: Any, head: Any, words: str) -> None:
    """What base alone cannot import has the remedy that a file of benchmarks has; head's own error has
    none."""
    with pytest.raises(WorkerError, match=words):
        scripted.run({A: {}}, {A: {}}, base_does=base, head_does=head)
    assert all(gone(pid) for pid in scripted.pids)


def test_what_was_asked_for_cannot_be_measured_here(scripted: ScriptedGate) -> None:
    """A side that refuses, for a device that is not there, ends the gate with its reason."""
    with pytest.raises(
        WorkerError, match=r"^--device cuda was asked for, and torch sees no CUDA device here$"
    ):
        scripted.run({A: {}}, {A: {}}, base_does={"start": "refuses"}, head_does={"start": "refuses"})
    assert all(gone(pid) for pid in scripted.pids)


def test_a_side_that_does_not_get_ready_is_given_up(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its own CPU time to import the benchmarks, and the message states what became of it."""
    pids = scripted.folder / "pids"

    def spent() -> str:
        both_started = pids.exists() and len(pids.read_text().splitlines()) == 2
        return "it used 180 s of CPU time" if both_started else ""

    monkeypatch.setattr(pairing, "CpuLimit", lambda *_: SimpleNamespace(spent=spent))
    with pytest.raises(
        WorkerError, match=r"did not import the benchmarks: it used 180 s of CPU time; see .*\.log"
    ):
        scripted.run({A: {}}, {A: {}}, base_does={"start": "hangs"}, head_does={"start": "hangs"})
    assert all(gone(pid) for pid in scripted.pids)


def test_a_file_that_head_cannot_import(scripted: ScriptedGate) -> None:
    """It fails with the reason, and is never green."""
    result = scripted.run(
        {A: {}}, {A: {}}, claims=NAMED[:2], head_does={"broken": {"b.py": "ImportError: no x"}}
    )
    assert by(result, B, "").outcome is GateOutcome.FAILED
    assert "no x" in reason_text(by(result, B, ""))
    assert result.status == 3


def test_a_file_that_both_sides_skip(scripted: ScriptedGate) -> None:
    """It is listed with its reason, and hinders nothing."""
    skips = {"skipped": {"b.py": "no GPU"}}
    result = scripted.run({A: {}}, {A: {}}, claims=NAMED[:2], base_does=skips, head_does=skips)
    found = by(result, B, "")
    assert (found.outcome, "no GPU" in reason_text(found)) == (GateOutcome.SKIPPED, True)
    assert result.status != 3 or by(result, A).outcome is GateOutcome.INCONCLUSIVE


def test_a_file_that_head_alone_skips(scripted: ScriptedGate) -> None:
    """What base runs is missing on head, with head's reason."""
    result = scripted.run(
        {A: {}, B: {}}, {A: {}}, claims=NAMED[:2], head_does={"skipped": {"b.py": "no GPU"}}
    )
    found = by(result, B, "")
    assert (found.outcome, "no GPU" in reason_text(found)) == (GateOutcome.MISSING, True)
    assert result.status == 3


def test_what_the_check_gives(scripted: ScriptedGate) -> None:
    """What both sides report is checked before anything is measured; notes are kept, errors end the gate."""
    seen: list[Mapping[Side, SideInfo]] = []

    def check(infos: Mapping[Side, SideInfo]) -> Sequence[GateNote]:
        seen.append(infos)
        return text_notes(["a note"])

    scripted.check = check
    result = scripted.run({A: {}}, {A: {}}, under_test=("mypackage",))
    assert result.notes == text_notes(["a note"])
    assert result.head.packages[0].file == "/head/mypackage.py"
    assert seen[0][Side.BASE].packages[0].digest == "base"

    def object_to(infos: Mapping[Side, SideInfo]) -> Sequence[GateNote]:
        raise ValueError("the same package on both sides")

    scripted.check = object_to
    with pytest.raises(ValueError, match="same package"):
        scripted.run({A: {}}, {A: {}}, under_test=("mypackage",))
    assert all(gone(pid) for pid in scripted.pids)


def test_what_few_units_decide_comes_first() -> None:
    """First in each unit, and alone where the time does not suffice for everything."""
    cases, early = ["c", "a", "b", "d"], {"b": 6, "d": 7}
    assert in_time(cases, early, left=1000.0, unit_seconds=100.0) == ["b", "d", "c", "a"]
    assert in_time(cases, early, left=599.0, unit_seconds=100.0) == ["b", "d"]
    assert in_time(cases, {}, left=1.0, unit_seconds=100.0) == cases


def test_what_no_pair_reached_is_never_green() -> None:
    """A case that stays out of reach to the end has its line."""
    state = GateState(NAMED[:2], GateThresholds(), selftest=False)

    class Listed:
        """A pair that lists both cases."""

        collected: ClassVar[dict[Side, Collected]] = {side: Collected((A, B)) for side in Side}

    state.collect(Listed())  # type: ignore[arg-type]
    state.enter(A, {side: CaseState(("baseline",)) for side in Side})
    found = {verdict.case: (verdict.outcome, reason_text(verdict)) for verdict in state.verdicts()}
    assert found[B] == (GateOutcome.INCONCLUSIVE, "not reached")


def test_the_screen_shows_when_the_first_decisions_can_fall(scripted: ScriptedGate) -> None:
    """After the first unit it is known how many there are; what is not likely to be decided is shown
    early."""
    scripted.run({A: {}}, {A: {}})
    assert scripted.screen.notes == [
        "2 decisions: at the earliest unchanged at 6 units, regressed at 9 units; what is clearly slower, sooner"
    ]


def test_a_budget_that_is_used_up(scripted: ScriptedGate) -> None:
    """One unit is always measured; what is open then is inconclusive, and the note has the reason."""
    result = scripted.run({A: {}}, {A: {}}, seconds=0.0)
    assert (result.units, result.status) == (1, 3)
    assert "budget" in notes_text(result)[0]
    assert by(result).outcome is GateOutcome.INCONCLUSIVE


def ahead(monkeypatch: pytest.MonkeyPatch, seconds: Callable[[], float]) -> None:
    """Let the gate's clock be so many seconds ahead."""
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + seconds())
    for one in (module, units_module):
        monkeypatch.setattr(one, "time", clock)


def hurried(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch, steps: Callable[[str, int], float]
) -> None:
    """Let the gate's clock jump ahead when it begins with a case, by what ``steps`` give for it and its
    unit."""
    passed = 0.0

    def begins(case: str, unit: int) -> None:
        nonlocal passed
        passed += steps(case, unit)

    monkeypatch.setattr(scripted.screen, "begins", begins)
    ahead(monkeypatch, lambda: passed)


def test_the_first_unit_ends_with_the_budget(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cases of 1000 s in a budget of 1500 s: two are led to, and what was not measured is named and not
    green."""
    hurried(scripted, monkeypatch, lambda case, unit: 1000.0)
    cases: dict[str, dict[str, Any]] = {A: {}, B: {}, C: {}}
    result = scripted.run(cases, cases, claims=NAMED[:3], seconds=1500.0)
    led = scripted.order(Side.HEAD)
    assert (len(led), result.units, result.status) == (2, 1, 3)
    unmeasured = {
        v.case
        for v in result.verdicts
        if v.metric == "seconds" and "the budget ended before it" in reason_text(v)
    }
    # The second is set up when the time is over: only the first was measured.
    assert unmeasured == set(cases) - {led[0]}
    assert {v.outcome for v in result.verdicts if v.case in unmeasured} == {GateOutcome.INCONCLUSIVE}
    assert "the time budget of 25 min was used up before everything was decided" in notes_text(result)


def test_a_unit_that_would_end_too_late_is_not_begun(
    scripted: ScriptedGate, started: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit whose start alone takes 1000 s, by the last, is none for the 500 s that are left."""
    ahead(monkeypatch, lambda: 1000 * started["pairs"])
    result = scripted.run({A: {}}, {A: {}}, seconds=3500.0)
    assert (result.units, started["pairs"]) == (3, 3)
    assert units_of(by(result)) == 3
    assert "the time budget of 58 min 20 s was used up before everything was decided" in notes_text(result)


def test_the_least_that_a_unit_takes() -> None:
    """All that the last took beside its blocks, and the longest of them."""
    decision = Decision(A, CLAIM, "tip")
    assert decision.least_seconds == 0.0
    blocks = ((1.0, 2.0), (2.0, 5.0), (5.0, 6.0))
    decision.measurements = [Measurement(A, "X", 1, seconds=9.0, blocks=blocks)]
    assert decision.least_seconds == 7.0
    assert (
        least_of([decision, Decision(A, CLAIM, BASELINE)]) == 7.0
    )  # of one that was not measured nothing is known
    assert least_of([Decision(A, CLAIM, BASELINE)]) == 0.0


def test_a_measurement_that_does_not_fit_is_given_up(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first measurement of a gate goes on in any case; what is given up was not measured."""
    requested: list[bool] = []

    def measure(base: Any, head: Any, settings: PairSettings, **more: Any) -> PairedRounds:
        requested.append(settings.at_least_one)
        if not settings.at_least_one:
            raise RoundsOutOfTime
        return paired_rounds(base, head, settings, **more)

    monkeypatch.setattr(units_module, "paired_rounds", measure)
    result = scripted.run({A: {}}, {A: {}})
    assert requested[:2] == [True, False]
    given_up = [
        v for v in result.verdicts if v.metric == "seconds" and "the budget ended before it" in reason_text(v)
    ]
    assert [(v.variant, v.outcome) for v in given_up] == [("tip", GateOutcome.INCONCLUSIVE)]
    assert result.status == 3


def test_an_interrupt_keeps_what_was_measured(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between two cases: the result so far comes with it, samples are on the disk, processes are
    gone."""
    begun = 0

    def begins(self: Quiet, case: str, unit: int) -> None:
        nonlocal begun
        begun += 1
        if begun == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Quiet, "begins", begins)
    with pytest.raises(GateInterrupted) as interrupt:
        scripted.run({A: {}}, {A: {}})
    result = interrupt.value.result
    assert (result.status, by(result).outcome) == (3, GateOutcome.INCONCLUSIVE)
    assert (scripted.out / store.GATE_FILE).read_text().count('"pairing"') == 6
    assert all(gone(pid) for pid in scripted.pids)


def interrupted(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch, at: int, *script: Any, **more: Any
) -> GateResumption:
    """A gate that was interrupted when it began with a case for that time, as it is read to go on with it."""
    begun = 0

    def begins(case: str, unit: int) -> None:
        nonlocal begun
        begun += 1
        if begun == at:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scripted.screen, "begins", begins)
        with pytest.raises(GateInterrupted):
            scripted.run(*script, sources={"a.py": "0123"}, **more)
    return GateResumption.of(load_journal(scripted.out))


def test_only_what_is_missing_is_measured(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided cases are entered and measured no more; the others go on from the units that they have.

    Nothing that an earlier part wrote is written to, and both sides are read with all their units.
    """
    script: tuple[dict[str, Any], ...] = {A: {}, B: {}}, {A: {}, B: {"factor": 3.0}}
    there = interrupted(scripted, monkeypatch, 8, *script, claims=NAMED[:2])
    before = {path.name: path.read_bytes() for path in scripted.out.glob("*.jsonl")}
    measured = Counter((pair.case, variant) for variant, pair in there.journal.pairs)
    assert measured[B, "tip"] >= 3
    result = scripted.run(*script, claims=NAMED[:2], sources={"a.py": "0123"}, resumption=there)
    assert (by(result, B).outcome, units_of(by(result, B))) == (GateOutcome.REGRESSED, measured[B, "tip"])
    assert by(result, A).outcome is GateOutcome.UNCHANGED
    assert before == {name: (scripted.out / name).read_bytes() for name in before}
    assert any("going on with" in note for note in scripted.screen.notes)
    for side in Side:
        units = [m.invocation for m in load_side(scripted.out, side).measurements if m.case == A]
        assert len(units) == 2 * units_of(by(result, A))
        assert len(set(units)) == units_of(by(result, A))
    added = load_journal(scripted.out).pairs[len(there.journal.pairs) :]
    assert {pair.case for _, pair in added} == {A}
    assert min(pair.invocation for _, pair in added) > there.unit


def test_what_was_never_reached_is_checked_and_read_first(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case that the first part did not come to: its memory is read, once, and its absent variant named."""
    case: dict[str, Any] = {"variants": ["baseline", "tip"], "absent": {"gone": "no such call"}}
    script: tuple[dict[str, Any], ...] = {A: case, B: case}, {A: case, B: {**case, "peak": 2000 * 2**20}}
    there = interrupted(scripted, monkeypatch, 2, *script, claims=NAMED[:2])
    assert len({pair.case for _, pair in there.journal.pairs}) == 1
    result = scripted.run(*script, claims=NAMED[:2], sources={"a.py": "0123"}, resumption=there)
    assert by(result, B, metric="peak_bytes").outcome is GateOutcome.REGRESSED
    assert by(result, A, metric="peak_bytes").outcome is GateOutcome.UNCHANGED
    for case_name in (A, B):
        (absent,) = [v for v in result.verdicts if (v.case, v.variant) == (case_name, "gone")]
        assert absent.outcome is GateOutcome.SKIPPED


def test_another_environment_is_named(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of either side, of what is under test, and of the request; the gate stays as it was."""
    there = interrupted(scripted, monkeypatch, 2, {A: {}}, {A: {}}, under_test=("mine",))
    files = {path.name for path in scripted.out.iterdir()}
    with pytest.raises(OtherEnvironment, match=r"another environment \(software.torch: absent -> 2\)"):
        scripted.run(
            {A: {}}, {A: {}}, under_test=("mine",), resumption=there,
            base_does={"environment": {"software": {"torch": "2"}}},
        )  # fmt: skip
    there.discard()
    assert {path.name for path in scripted.out.iterdir()} == files
    changed = {
        side: SideInfo({}, (Package("mine", "/x/mine.py", "new"),), "") for side in (Side.HEAD, Side.BASE)
    }
    assert list(reported(changed)["packages"]) == ["base", "head"]  # whichever replied first
    header = {**there.journal.header, "environment": {}, "base_environment": {}}
    journal = replace(there.journal, header=header)
    with pytest.raises(OtherEnvironment, match=r"base.mine: base -> new; head.mine: head -> new"):
        replace(there, journal=journal).check_sides(changed)
    request = {**there.journal.request, "device": "cuda", "sources": {"a.py": "4567"}}
    with pytest.raises(OtherEnvironment, match=r"sources.a.py: 0123 -> 4567; device: auto -> cuda"):
        there.check_request(request)
    there.check_request(there.journal.request)


def test_killing_the_gate_leaves_no_process(scripted: ScriptedGate) -> None:
    """kill -9 of the process that leads ends both sides and their workers, stopped as they are."""
    script: dict[str, Any] = {side: {"cases": {A: {}}} for side in ("base", "head")}
    (scripted.folder / "script.json").write_text(json.dumps(script))
    host = f"""
import os, signal, sys
sys.path[0:0] = [{str(ROOT)!r}, {str(ROOT / "tests" / "gate")!r}]
from pathlib import Path
from tests.support.living import ENVIRONMENT, python
from test_gate_run import SIDE
from harness.model import Side
from harness.gate import pair
pair.pytest_command = lambda *_: python(SIDE)
pair.measuring_environment = lambda _: dict(ENVIRONMENT)
folder = Path({str(scripted.folder)!r})
plan = {{"SCRIPT": str(folder), "TESTS": {TESTS!r}}}
sides = [pair.SideCommand(side, "python", {{"SIDE": str(side), **plan}}) for side in Side]
with pair.WorkerPair(sides, folder, [], folder, 1):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", host], env=ENVIRONMENT, check=False, cwd=scripted.folder)
    assert ended.returncode == -signal.SIGKILL
    assert len(scripted.pids) == 4
    assert all(gone(pid) for pid in scripted.pids)


# --- launches -----------------------------------------------------------------------------------------------


def test_launches_are_counted_where_nothing_is_timed(scripted: ScriptedGate) -> None:
    """On a GPU both sides count once, after the first unit, in processes that give no samples: a profiler
    that was attached slows what comes after it. More launches are a regression of their own."""
    gpu = {"environment": {"device": {"type": "cuda"}}}
    result = scripted.run({A: {"launches": 4}}, {A: {"launches": 6}}, base_does=gpu, head_does=gpu)
    found = by(result, metric="launches")
    assert (found.outcome, found.base, found.head) == (GateOutcome.REGRESSED, 4.0, 6.0)
    assert by(result).outcome is GateOutcome.UNCHANGED
    assert result.units == 6
    did = [tuple(line.split()) for line in (scripted.folder / "did").read_text().splitlines()]
    timed, counted = ({pid for pid, what in did if what == kind} for kind in ("round", "launches"))
    assert (len(timed), len(counted)) == (12, 2)
    assert not timed & counted


def test_nothing_is_counted_on_a_cpu(scripted: ScriptedGate) -> None:
    """It would cost the start of two processes."""
    result = scripted.run({A: {"launches": 4}}, {A: {"launches": 6}})
    assert all(verdict.metric != "launches" for verdict in result.verdicts)
    assert "launches" not in (scripted.folder / "did").read_text()


def test_launches_that_cannot_be_counted_are_a_note(scripted: ScriptedGate) -> None:
    """The gate goes on without them."""
    gpu = {"environment": {"device": {"type": "cuda"}}}
    result = scripted.run({A: {"launches": "raises"}}, {A: {"launches": 6}}, base_does=gpu, head_does=gpu)
    assert by(result).outcome is GateOutcome.UNCHANGED
    assert any(
        f"no launches of {A} tip: base: RuntimeError: no profiler" in note for note in notes_text(result)
    )
    lost = scripted.run({A: {"launches": "dies"}}, {A: {"launches": 6}}, base_does=gpu, head_does=gpu)
    assert by(lost).outcome is GateOutcome.UNCHANGED
    assert any("launches could not be counted" in note for note in notes_text(lost))


# --- what differs -------------------------------------------------------------------------------------------


def test_a_regression_is_explained_by_the_profiles(scripted: ScriptedGate) -> None:
    """What regressed is profiled on either side, after all units; the reason names what grew, and no more
    than that."""
    slower = {"factor": 1.06, "linears": 2, "variants": ["tip"], "profile": "not Python"}
    result = scripted.run({A: {"variants": ["tip"]}, B: {}}, {A: slower, B: {}}, claims=NAMED[:2])
    found = by(result)
    assert found.comparison is not None
    assert found.base is not None
    more = quantity(found.base * (found.comparison.ratio - 1), "s")
    # The profiles report 300 us, of which the measured change is a fifth.
    assert reason_text(found).startswith(f"aten::linear runs 2x instead of 1x, +{more} (")
    assert reason_text(by(result, B)).find("linear") < 0
    assert result.notes == ()
    traces = sorted(path.name for path in (scripted.out / "traces").iterdir())
    assert len(traces) == 2
    assert [name.split("-")[-2] for name in traces if "tip" in name] == ["base", "head"]
    lines = [json.loads(line) for line in (scripted.out / store.GATE_FILE).read_text().splitlines()]
    assert [line["record"] for line in lines].count("pairing") == result.units + 2 * 6
    assert all(gone(pid) for pid in scripted.pids)


def test_more_memory_is_explained_by_operator(scripted: ScriptedGate) -> None:
    """What holds more bytes at the peak is named where memory alone regressed."""
    tip = {"variants": ["tip"]}
    result = scripted.run({A: {"peak": 8 << 20, **tip}}, {A: {"peak": 24 << 20, **tip}})
    (found,) = [each for each in result.verdicts if (each.metric, each.variant) == ("peak_bytes", "tip")]
    assert found.outcome is GateOutcome.REGRESSED
    assert reason_text(found).startswith(
        "aten::linear holds 24.0 MiB at the peak instead of 8.00 MiB, +16.0 MiB ("
    )
    assert reason_text(by(result)).find("linear") < 0


def test_time_is_kept_for_profiles(
    scripted: ScriptedGate, started: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the budget, once something has regressed, where other cases are open until the end."""
    judge = Decision.judge

    def judged(self: Decision, *limits: Any, **more: Any) -> None:
        if self.case != B:
            judge(self, *limits, **more)

    monkeypatch.setattr(Decision, "judge", judged)
    # Every unit takes a hundred seconds, and no test waits for them.
    ahead(monkeypatch, lambda: 100 * started["pairs"])
    slower = {"factor": 1.06, "linears": 2, "variants": ["tip"]}
    result = scripted.run(
        {A: {"variants": ["tip"]}, B: {}}, {A: slower, B: {}}, claims=NAMED[:2], seconds=1650.0
    )
    assert reason_text(by(result)).startswith("aten::linear runs 2x instead of 1x, +")
    assert "the time budget of 27 min 30 s was used up before everything was decided" in notes_text(result)
    assert result.unfinished
    assert not any("profile" in note for note in notes_text(result))


def test_the_worst_variant_of_a_case_is_profiled() -> None:
    """Five cases, the worst first, each by the variant that slowed down most."""

    def regressed(case: str, variant: str, ratio: float) -> Decision:
        ruling = Ruling(GateOutcome.REGRESSED, Comparison("seconds", 13, ratio), ReasonText(""))
        return Decision(case, CLAIM, variant, ruling=ruling, outcome=GateOutcome.REGRESSED)

    found = [regressed("b", "z", 1.4)]
    for at, case in enumerate("abcdefg"):
        found += [regressed(case, "y", 1.055 + 0.01 * at), regressed(case, "x", 1.05 + 0.01 * at)]
    assert [one.case + one.variant for one in worst(found)] == ["bz", "gy", "fy", "ey", "dy"]
    assert [one.case + one.variant for one in worst(found[:2], found[1:6])] == ["bz", "ay", "cy"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", "no profiler here"),
        ("dies", "SIGKILL"),
        ("torn", "is not a trace"),
        ("hangs", "no answer from head: it did nothing"),
    ],
)
def test_a_profile_that_fails_takes_nothing(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch, how: str, words: str
) -> None:
    """A regression stays one where no profile can be had; a note has the reason, and no process is left."""
    profile = RemoteRunner.profile

    def impatient(runner: RemoteRunner, file: Path) -> Any:
        if how == "hangs" and runner.client.name == Side.HEAD:
            runner.client.timeout = 0.1
        return profile(runner, file)

    monkeypatch.setattr(RemoteRunner, "profile", impatient)
    claims = [Claim("X", "a tip", "a.py", "bench", time_limit=PATIENCE)]
    result = scripted.run({A: {}}, {A: {"factor": 1.06, "profile": how}}, claims=claims)
    assert (result.status, by(result).outcome) == (1, GateOutcome.REGRESSED)
    assert reason_text(by(result))
    assert "linear" not in reason_text(by(result))
    assert words in " ".join(notes_text(result))
    assert all(gone(pid) for pid in scripted.pids)


def test_an_interrupted_profile_keeps_the_result(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while what regressed is profiled: it stays regressed."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(extra_passes, "explain", interrupted)
    with pytest.raises(GateInterrupted) as interrupt:
        scripted.run({A: {}}, {A: {"factor": 1.06}})
    result = interrupt.value.result
    assert by(result).outcome is GateOutcome.REGRESSED


def test_selftest_takes_its_units(scripted: ScriptedGate) -> None:
    """A noise floor needs more units than a decision does; the verdict stays that of the first look."""
    result = scripted.run({A: {}}, {A: {}}, selftest=True)
    found = by(result)
    assert found.comparison is not None
    assert (result.units, found.comparison.units, found.outcome) == (10, 6, GateOutcome.UNCHANGED)
    assert found.spread is not None
    assert 0 < found.spread < 0.01
    assert found.resolvable is not None
    assert found.spread < found.resolvable < 0.05


def test_idle_sides_are_stopped(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every question one process is awake; when a case is yielded both are stopped."""
    from tests.support.living import stopped

    walk = WorkerPair.walk
    seen = 0

    def watched(self: WorkerPair, random: Any) -> Any:
        nonlocal seen
        for step in walk(self, random):
            assert stopped(*scripted.pids[-4:])
            seen += 1
            yield step

    monkeypatch.setattr(WorkerPair, "walk", watched)
    scripted.run({A: {}}, {A: {}})
    assert seen == 6


# --- watched ------------------------------------------------------------------------------------------------

ON_GPU = {"environment": {"device": {"type": "cuda", "uuid": UUID}}}


def watched(monkeypatch: pytest.MonkeyPatch, **readings: Any) -> None:
    """Let gates look at a replayed GPU with these readings."""
    monkeypatch.setattr(
        module, "Monitor", partial(Monitor, module=Replayed(pcie_now=[[5, 16]], **readings), make=ByHand)
    )


def test_every_unit_of_every_case_is_watched(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings carry case and unit, are of the GPU that the sides measure on, and load from either side."""
    watched(monkeypatch)
    result = scripted.run(
        {A: {}, B: {}}, {A: {}, B: {}}, claims=NAMED[:2], watch=20.0, base_does=ON_GPU, head_does=ON_GPU
    )
    seen = read_telemetry(scripted.out / store.TELEMETRY_FILE, [])
    assert (seen.hertz, seen.devices) == (20.0, (UUID,))
    assert seen.cost is not None
    seen_of = {
        (each.case, each.invocation) for each in seen.series if each.quantity == "power_watts" and each.case
    }
    assert seen_of == {(case, unit) for case in (A, B) for unit in range(1, result.units + 1)}
    # the CPU time of both sides is this process tree's, and no other process's
    assert {each.case for each in seen.series if each.quantity == "cpu_seconds"} == {A, B}
    for side in Side:
        frame = harness.load(f"{scripted.out}@{side}").telemetry
        assert set(frame.case.dropna()) == {A, B}
    assert not [note for note in notes_text(result) if "GPU" in note]


def test_a_gate_that_is_not_watched(scripted: ScriptedGate) -> None:
    """With a rate of 0 there is no telemetry and no word about it."""
    result = scripted.run({A: {}}, {A: {}}, watch=0.0)
    assert not (scripted.out / store.TELEMETRY_FILE).exists()
    assert result.notes == ()
    assert harness.load(f"{scripted.out}@head").telemetry.empty


def test_a_throttled_gate_notes_it(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks throttled: too many to leave out, so they count, and each verdict and the whole result note
    it."""
    watched(monkeypatch, events=[int(ClockEvent.HARDWARE_THERMAL)])
    result = scripted.run({A: {}}, {A: {}}, watch=20.0, head_does=ON_GPU)
    assert (result.status, by(result).outcome) == (0, GateOutcome.UNCHANGED)
    assert re.search(
        r"throttled in \d+ % of the blocks \(hardware thermal\): too many to leave", reason_text(by(result))
    )
    assert re.search(
        r"the GPU was throttled in \d+ % of all blocks \(hardware thermal\)", " ".join(notes_text(result))
    )


def test_a_gate_beside_another_process_notes_it(
    scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process on the GPU is in the result's notes, also where the gate is interrupted."""
    watched(monkeypatch, processes=[[[os.getppid(), 4096]]])
    result = scripted.run({A: {}}, {A: {}}, watch=20.0, head_does=ON_GPU)
    assert any(
        f"{UUID} was not this run's alone: process {os.getppid()}" in note for note in notes_text(result)
    )
    (scripted.out / store.TELEMETRY_FILE).unlink()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(units_module, "paired_rounds", interrupted)
    with pytest.raises(GateInterrupted) as interrupt:
        scripted.run({A: {}}, {A: {}}, watch=20.0, head_does=ON_GPU)
    result = interrupt.value.result
    assert any("was not this run's alone" in note for note in notes_text(result))
    assert read_telemetry(scripted.out / store.TELEMETRY_FILE, []).cost is not None


def test_two_gpus_are_both_watched(scripted: ScriptedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides that measure on different GPUs: neither is left out, and the one that NVML does not know is
    named."""
    watched(monkeypatch)
    other = {"environment": {"device": {"type": "cuda", "uuid": "GPU-other"}}}
    result = scripted.run({A: {}}, {A: {}}, watch=20.0, base_does=ON_GPU, head_does=other)
    seen = read_telemetry(scripted.out / store.TELEMETRY_FILE, [])
    assert sorted(seen.devices) == sorted([UUID, "GPU-other"])
    assert any(each.device == UUID and each.case == A for each in seen.series)
    assert any("GPU-other" in warning for warning in seen.warnings)
    assert any("not watched: NVML does not know GPU-other" in note for note in notes_text(result))


def test_throttled_blocks_do_not_decide() -> None:
    """A few blocks in which head was throttled are left out of its unit, and the reason has their number."""
    decision = Decision(A, CLAIM, "tip")
    random = Random(1)
    slow = (2, 5)
    for unit in range(1, 15):
        each = [1e-3 * (1 + random.gauss(0, 0.001)) for _ in range(12)]
        turns = {
            Side.BASE: tuple(Round(seconds) for seconds in each),
            Side.HEAD: tuple(
                Round(seconds * (40 if block in slow else 1)) for block, seconds in enumerate(each)
            ),
        }
        moments = tuple((float(block), block + 0.5) for block in range(12))
        nothing: dict[Side, dict[str, tuple[float, str]]] = {side: {} for side in Side}
        decision.take(unit, PairedRounds(1, turns, dict.fromkeys(Side, 1e-3), nothing, moments), 1.0)

    def marked(given: Measurement) -> Measurement:
        heated = tuple(
            int(ClockEvent.HARDWARE_THERMAL) * (block in slow) for block in range(len(given.blocks))
        )
        return replace(given, clock_events=heated)

    without = replace(decision, measurements=list(decision.measurements))
    without.judge(GateThresholds(), 1)
    assert without.outcome is GateOutcome.REGRESSED  # it stalls, for all that anybody knows
    for unit in range(1, 15):
        decision.mark(unit, marked)
    decision.judge(GateThresholds(), 1)
    (verdict,) = decision.verdicts(GateThresholds(), 1)
    assert verdict.outcome is GateOutcome.UNCHANGED
    assert "left out: 28 of 168 blocks in which the GPU was throttled (hardware thermal)" in reason_text(
        verdict
    )


def test_what_regressed_hands_its_share_of_alpha_on() -> None:
    """Thirteen units, of which one is barely not beyond what is tolerated: enough where 39 others have
    regressed."""
    variants = tuple(f"tip {number:02}" for number in range(40))
    states = dict.fromkeys(Side, CaseState(variants))
    nothing: dict[Side, dict[str, Any]] = {side: {} for side in Side}

    def decided(hesitant: int) -> int:
        state = GateState([CLAIM], GateThresholds(), selftest=False)
        state.enter(A, states)
        for number, decision in enumerate(state.wanted()):
            for unit in range(1, 14):
                slower = 1.009 if unit == 1 and number < hesitant else 1.05 + 1e-4 * unit
                turns = {Side.BASE: (Round(1e-3),) * 6, Side.HEAD: (Round(1e-3 * slower),) * 6}
                decision.take(unit, PairedRounds(1, turns, dict.fromkeys(Side, 1e-3), nothing), 1.0)
        state.decide()
        return state.count()[0]

    assert decided(hesitant=0) == 40
    assert (
        decided(hesitant=1) == 40
    )  # the first to be looked at, and looked at again when the others have fallen
    assert decided(hesitant=40) == 0
