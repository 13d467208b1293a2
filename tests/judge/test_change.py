"""Whether a level changed over many runs: the test's statistic, its false alarms, what it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.judge.change import SHORTEST, SIMULATED, changes, correlation, p_value, pettitt, split
from harness.judge.sequential import level
from tests.support.saved import recorded


def defined(data: np.ndarray) -> list[float]:
    """Pettitt's statistic by its definition, for each split: sums of signs of differences."""
    signs = np.sign(np.subtract.outer(data, data))
    return [abs(float(signs[:place, place:].sum())) for place in range(1, data.size)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tied", [False, True])
def test_the_statistic_is_pettitts(seed: int, tied: bool) -> None:
    """Ranks give what the definition gives, ties included, at the split that stands out most away from the
    ends."""
    data = np.random.default_rng(seed).normal(size=24)
    data = np.round(data) if tied else data
    inner = defined(data)[SHORTEST - 1 : data.size - SHORTEST]
    place, statistic = pettitt(data)
    assert statistic == pytest.approx(max(inner))
    assert inner[place - SHORTEST] == pytest.approx(max(inner))


def test_p_values_meet() -> None:
    """Where simulation ends the limit takes over, a little more careful; and a perfect split is as rare as
    counted."""
    for share in (0.2, 0.25, 0.3):
        simulated, limit = (p_value(size, share * size * size / 2) for size in (SIMULATED, SIMULATED + 1))
        assert 0.001 < simulated <= 1.1 * limit
        assert limit < 3 * simulated
    # ten values split in the middle: 2 of the 252 ways to choose which five come first
    assert p_value(10, 25) == pytest.approx(2 / 252, rel=0.3)


@pytest.mark.parametrize(
    ("size", "correlated"), [(12, 0.0), (30, 0.0), (100, 0.0), (30, 0.3), (100, 0.3), (200, 0.6)]
)
def test_false_alarms_are_as_rare_as_promised(size: int, correlated: float) -> None:
    """Courses without a change at the 5 % level: 5 % are found to change, at most 10 % where neighbours are
    alike."""
    random = np.random.default_rng(size)
    alarms = 0
    for _ in range(400):
        noise = random.normal(size=size + 50)
        course = np.zeros(size + 50)
        for index in range(1, course.size):
            course[index] = correlated * course[index - 1] + noise[index]
        alarms += split(course[50:])[1] <= 0.05
    promised = 0.1 if correlated else 0.05
    assert alarms <= promised * 400 + 2.6 * math.sqrt(400 * promised * (1 - promised))


def test_a_change_is_found_where_it_is() -> None:
    """A step of three deviations is found within two runs of its place, and its parts are not split again."""
    random = np.random.default_rng(2)
    course = np.concatenate([random.normal(0, 1, 60), random.normal(3, 1, 40)])
    found = changes(course, 0.01)
    assert len(found.starts) == 1
    assert abs(found.starts[0] - 60) <= 2
    assert found.p <= 0.01


def test_two_changes_are_found() -> None:
    """Up and down again: both, in order."""
    random = np.random.default_rng(4)
    course = np.concatenate([random.normal(0, 1, 40), random.normal(5, 1, 40), random.normal(0, 1, 40)])
    starts = changes(course, 0.01).starts
    assert len(starts) == 2
    assert abs(starts[0] - 40) <= 2
    assert abs(starts[1] - 80) <= 2


def test_one_bad_last_run_is_no_change() -> None:
    """The last point alone, however far off, changes nothing; nor do fewer than five."""
    random = np.random.default_rng(6)
    steady = random.normal(0, 1, 50)
    assert changes(np.append(steady, 100.0), 0.05).starts == ()
    assert changes(np.append(steady, [100.0, 90.0]), 0.05).starts == ()


def test_too_short_and_constant_courses() -> None:
    """Ten runs are not asked; a course that never moves has no change; what is no number is refused."""
    assert changes([1.0] * 5 + [9.0] * 5, 0.05).starts == ()
    assert changes([1.0] * 50, 0.05).starts == ()
    assert correlation(np.zeros(20)) == 0.0
    with pytest.raises(ValueError, match="finite"):
        changes([1.0, float("nan")], 0.05)


def test_recorded_noise_does_not_change() -> None:
    """Runs of seven recorded processes each, in any order: identical code has no change at the level for its
    suite."""
    random = np.random.default_rng(8)
    alarms = 0
    courses = 0
    for processes in recorded("sequential_invocations").values():
        levels = np.array([level(process["base"]) for process in processes])
        for _ in range(25):
            runs = [float(np.median(random.choice(levels, 7))) for _ in range(40)]
            alarms += split(np.asarray(runs))[1] <= 0.05
            courses += 1
    assert alarms <= 0.05 * courses + 2.6 * math.sqrt(courses * 0.05 * 0.95)
