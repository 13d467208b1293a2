"""Two rows side by side: what is shown is there, and identical code shows nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from harness.judge.difference import (
    RawDifference,
    exact_shift,
    paired_shift,
    settle,
    shown_up_to,
    unpaired_shift,
)
from harness.judge.sequential import level
from harness.model import Differs
from tests.support.saved import recorded

ALIKE = (Differs.NOT_SHOWN, Differs.TOO_FEW)


def row(seed: int, shift: float = 0.0, spread: float = 0.002, count: int = 14) -> list[float]:
    """Levels of a steady machine."""
    return list(np.random.default_rng(seed).normal(math.log1p(shift), spread, size=count))


def test_a_steady_machine_can_tell() -> None:
    """Where neither run drifted a difference beyond the margin is shown, either way; one inside it is not."""
    slow, faster, same, inside = settle(
        [
            unpaired_shift("seconds", row(1), row(n, shift), 0.02)
            for n, shift in enumerate((0.1, -0.1, 0.0, 0.015), 2)
        ]
    )
    assert [d.differs for d in (slow, faster, same, inside)] == [
        Differs.HIGHER,
        Differs.LOWER,
        *ALIKE[:1] * 2,
    ]
    slower = slow.comparison
    assert slower.ratio == pytest.approx(1.1, abs=0.01)
    assert slower.low is not None
    assert slower.high is not None
    assert 1.05 < slower.low < slower.ratio < slower.high < 1.15


def test_a_machine_that_drifts_cannot() -> None:
    """What a run drifted while it was measured is added to the margin and to the interval."""
    drifting = [value + 0.1 * index / 14 for index, value in enumerate(row(1))]
    found = settle([unpaired_shift("seconds", drifting, row(2, 0.1), 0.02)])[0]
    assert found.differs is Differs.NOT_SHOWN
    assert found.drift > 0.05
    assert found.comparison.low is not None
    assert found.comparison.low < 1 < (found.comparison.high or 0)


def test_a_few_invocations_say_nothing() -> None:
    """Under six on either side the word is that there are too few, and there is no interval."""
    found = settle([unpaired_shift("seconds", row(1, count=5), row(2, 0.5), 0.02)])[0]
    assert (found.differs, found.comparison.low, found.comparison.high) == (Differs.TOO_FEW, None, None)
    assert "5 and 14 invocations" in found.reason


def test_pairs_need_no_allowance() -> None:
    """Ratios of the same blocks are judged by the signed-rank test, whatever the machine did."""
    found = settle([paired_shift("seconds", row(1, 0.1), 0.02), paired_shift("seconds", row(2), 0.02)])
    assert [d.differs for d in found] == [Differs.HIGHER, Differs.NOT_SHOWN]
    assert found[0].comparison.paired
    assert found[0].drift == 0.0


def test_exact_metrics_need_no_statistics() -> None:
    """One reading of either is enough, within a tolerance, and takes no part in the number of tests."""
    found = settle([exact_shift("peak_bytes", 1000, 1005, 0.01), exact_shift("peak_bytes", 1000, 900, 0.01)])
    assert [d.differs for d in found] == [Differs.NOT_SHOWN, Differs.LOWER]


@pytest.mark.parametrize("seed", range(5))
def test_the_rule_is_benjamini_and_hochbergs(seed: int) -> None:
    """What is shown is what SciPy's adjusted p-values show; nothing is where nothing was tested."""
    ps = np.random.default_rng(seed).uniform(0, 1, size=30) ** 3
    limit = shown_up_to(list(ps), 0.05)
    assert list(ps <= limit) == list(false_discovery_control(ps) <= 0.05)
    assert shown_up_to([], 0.05) == shown_up_to([0.5], 0.05) == -1.0


def runs_of_recorded_noise(length: int, gap: int) -> list[list[RawDifference]]:
    """Pairs of runs of identical code: consecutive processes of every workload, the second run ``gap``
    later."""
    levels = {
        name: [level(process["base"]) for process in processes]
        for name, processes in recorded("sequential_invocations").items()
    }

    def pair(name: str, start: int) -> RawDifference:
        row = levels[name]
        first, second = ([x or 0.0 for x in row[at : at + length]] for at in (start, start + length + gap))
        return unpaired_shift("seconds", first, second, 0.05 if name.startswith("dataloader") else 0.02)

    return [[pair(name, start) for name in levels] for start in range(0, 72 - 2 * length - gap + 1, 2)]


@pytest.mark.parametrize(("length", "gap"), [(7, 0), (7, 20), (14, 0), (14, 20), (28, 0)])
def test_recorded_noise_shows_no_difference(length: int, gap: int) -> None:
    """Identical code in runs one after the other, on a shared machine: no word but that no difference is
    shown."""
    for suite in runs_of_recorded_noise(length, gap):
        assert {found.differs for found in settle(suite)} == {Differs.NOT_SHOWN}


def test_recorded_noise_with_a_real_difference() -> None:
    """Half as much again is shown in most of the same runs: the caution has its price, and it is not
    everything."""
    shown = total = 0
    for start in range(0, 40, 4):
        suite = []
        for processes in recorded("sequential_invocations").values():
            levels = [level(process["base"]) or 0.0 for process in processes]
            slower = [one + math.log(1.5) for one in levels[start + 14 : start + 28]]
            suite.append(unpaired_shift("seconds", levels[start : start + 14], slower, 0.02))
        found = settle(suite)
        shown += sum(difference.differs is Differs.HIGHER for difference in found)
        total += len(found)
    assert shown > 0.8 * total


def test_simulated_suites_of_identical_code() -> None:
    """With independent processes, too, the chance of showing anything stays below what is promised."""
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(60):
        suite = [
            unpaired_shift("seconds", list(random.normal(0, 0.02, 7)), list(random.normal(0, 0.02, 7)), 0.02)
            for _ in range(40)
        ]
        alarms += any(found.differs not in ALIKE for found in settle(suite))
    assert alarms <= 3


def test_effects_of_identical_code_do_not_differ() -> None:
    """Ratios within either run are compared without the allowance, and still show nothing where there is
    nothing."""
    random = np.random.default_rng(12)
    alarms = 0
    for _ in range(100):
        suite = [
            unpaired_shift(
                "seconds",
                list(random.normal(0, 0.05, 7)),
                list(random.normal(0, 0.05, 7)),
                0.02,
                drifts=False,
            )
            for _ in range(20)
        ]
        alarms += any(found.differs not in ALIKE for found in settle(suite))
    assert alarms <= 10
