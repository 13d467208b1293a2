"""Runs that were not paired: the verdict states what they cannot decide."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest

from harness.judge.regression import GateThresholds, rule_for
from harness.judge.sequential import drift, level, rule_unpaired
from harness.model import GateOutcome, LostInDrift
from tests.support.living import ROOT

BY = rule_for(GateThresholds(), 4)
RECORDED = ROOT / "tests" / "data" / "quiet.json.gz"


def run(seed: int, shift: float = 0.0, spread: float = 0.002, count: int = 14) -> list[float]:
    """Levels of a steady machine."""
    return list(np.random.default_rng(seed).normal(math.log1p(shift), spread, size=count))


def test_a_steady_machine_can_tell() -> None:
    """Where neither run drifted, a large slow-down is regressed, none is unchanged, and a speed-up
    improved."""
    assert rule_unpaired(run(1), run(2, 0.1), BY).outcome is GateOutcome.REGRESSED
    assert rule_unpaired(run(1), run(2), BY).outcome is GateOutcome.UNCHANGED
    assert rule_unpaired(run(1), run(2, -0.1), BY).outcome is GateOutcome.IMPROVED


def test_a_machine_that_drifts_cannot() -> None:
    """Where a run moved by more than the difference nothing is decided, and the reason names what would."""
    drifting = [value + 0.1 * index / 14 for index, value in enumerate(run(1))]
    ruling = rule_unpaired(drifting, run(2, 0.1), BY)
    assert ruling.outcome is GateOutcome.INCONCLUSIVE
    assert isinstance(ruling.reason, LostInDrift)
    assert ruling.reason.units == BY.failing_looks[0]
    assert rule_unpaired(run(1), drifting, BY).outcome is GateOutcome.INCONCLUSIVE


def test_a_few_invocations_say_nothing() -> None:
    """Under six on either side there is no answer, and no error."""
    for base, head in ((run(1, count=5), run(2)), (run(1), run(2, count=5)), ([], run(2)), (run(1), [])):
        assert rule_unpaired(base, head, BY).outcome is GateOutcome.INCONCLUSIVE


def test_recorded_processes_raise_no_alarm() -> None:
    """Identical code, one run of processes after another, on a shared machine: never regressed."""
    found = json.loads(gzip.decompress(RECORDED.read_bytes()))["designs"]["sequential_invocations"]
    by = rule_for(GateThresholds(), 40)
    for processes in found.values():
        levels = [level(process["base"]) or 0.0 for process in processes]
        for start in range(0, 72 - 28, 4):
            ruling = rule_unpaired(levels[start : start + 14], levels[start + 14 : start + 28], by)
            assert ruling.outcome is not GateOutcome.REGRESSED


def test_levels_and_drift() -> None:
    """A level is the median of the quiet rounds; a run drifts as far as its thirds lie apart."""
    assert level([1.0, 1.0, 1.0, 9.0], 0.7) == 0.0
    assert drift([0.0, 0.0, 0.1, 0.1, 0.05, 0.05]) == pytest.approx(0.1)
    assert drift([0.0, 1.0]) == math.inf
    assert level([]) is level([1.0, -1.0]) is None
    assert level([0.0]) == math.log(1e-12)
