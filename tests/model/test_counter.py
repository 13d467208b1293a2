"""Counters that move in steps: their tick from the readings, differences where they are long enough,
areas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.counter import STEPS, difference, integral, tick
from harness.probes.energy import LEAST_SECONDS, joules
from harness.probes.nvml import NvmlError
from tests.support.replayed import UUID, Replayed


def stepped(
    seconds: float, hertz: float, step: float, watts: float = 400.0
) -> tuple[list[float], list[float]]:
    """Readings of a counter that moves every ``step`` seconds while ``watts`` are drawn."""
    moments = [index / hertz for index in range(round(seconds * hertz))]
    return moments, [watts * step * int(moment / step + 1e-9) for moment in moments]


@pytest.mark.parametrize(
    ("hertz", "step", "found"), [(20, 0.1, 0.1), (20, 0.02, 0.05), (100, 0.02, 0.02), (1, 0.1, 1)]
)
def test_the_tick_is_found_in_the_readings(hertz: float, step: float, found: float) -> None:
    """Changes of the counter are as far apart as its steps, or as the readings where those are further
    apart."""
    assert tick(*stepped(20, hertz, step)) == pytest.approx(found)


def test_a_counter_that_hardly_moves_has_no_tick() -> None:
    """Five changes are the fewest that say anything; a counter that stands still says nothing."""
    assert tick([0, 1, 2], [5, 5, 5]) is None
    assert tick(list(range(6)), [0, 1, 2, 3, 4, 4]) is None
    assert tick(list(range(6)), [0, 1, 2, 3, 4, 5]) == 1
    assert tick([], []) is None


def test_energy_over_ten_seconds_is_power_times_time() -> None:
    """On a steady load the difference over ten seconds is within 1 % of the integral of power."""
    moments, counter = stepped(10, 20, 0.1)
    found = difference(moments, counter)
    assert found.amount is not None
    area = integral(moments, [400.0] * len(moments), found.start, found.start + found.seconds)
    assert area is not None
    assert found.amount == pytest.approx(area, rel=0.01)
    assert found.amount / found.seconds == pytest.approx(400, rel=0.01)


@given(st.floats(0.005, 0.2), st.floats(50, 700), st.floats(10.5, 40))
def test_a_difference_is_within_4_per_cent(step: float, watts: float, seconds: float) -> None:
    """Whatever the steps, a difference that is given at all is right."""
    found = difference(*stepped(seconds, 20, step, watts))
    if found.amount is not None:
        assert found.seconds >= STEPS * max(step, 0.05) * 0.99
        assert found.amount == pytest.approx(watts * found.seconds, rel=0.04)


@pytest.mark.parametrize(
    ("moments", "values", "why"),
    [
        ([], [], "two readings"),
        ([0.0, 1.0], [3.0, 2.0], "backwards"),
        ([0.0, 1.0, 2.0], [3.0, 3.0, 3.0], "changed"),
        (*stepped(3, 20, 0.1), "steps"),
    ],
)
def test_what_cannot_be_resolved_says_why(moments: list[float], values: list[float], why: str) -> None:
    """Too few readings, a reset, a counter that stands still, a stretch too short: no number, a reason."""
    found = difference(moments, values)
    assert found.amount is None
    assert found.reason.startswith("not resolvable")
    assert why in found.reason


def test_the_tick_of_a_longer_record_counts() -> None:
    """A case of six seconds goes by the tick that the whole run has shown."""
    moments, values = stepped(6, 20, 0.1)
    assert difference(moments, values, 0.1).amount == pytest.approx(400 * 5.8, rel=0.02)
    assert difference(moments, values, 0.5).amount is None


def test_an_area_needs_readings_over_the_whole_stretch() -> None:
    """Straight lines between readings; a stretch that they do not cover has no area."""
    assert integral([0, 1, 2], [0, 10, 0], 0, 2) == 10
    assert integral([0, 1, 2], [7, 7, 7], 0.0, 2.0) == 14
    assert integral([0, 1], [7, 7], 0.0, 2.0) is None
    assert integral([0], [7], 0.0, 0.0) is None


# --- joules of an iteration ---------------------------------------------------------------------------------


class Board(Replayed):
    """A board that draws 200 W, on a clock that moves with the calls; its counter moves every ``step``
    seconds."""

    def __init__(self, step: float, watts: float = 200.0) -> None:
        super().__init__()
        self.seconds = 0.0
        self.step = step
        self.watts = watts

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: D102, N802
        self.seconds += 1e-3
        return round(1e3 * self.watts * self.step * int(self.seconds / self.step))

    def call(self) -> None:
        """Ten milliseconds of work."""
        self.seconds += 0.01


@pytest.mark.parametrize("step", [0.02, 0.1])
def test_joules_of_a_call_go_by_the_counter_s_own_steps(step: float) -> None:
    """200 W for 10 ms are 2 J; the calls last for three seconds or for fifty steps, whichever is longer."""
    board = Board(step)
    spent, source = joules(board.call, UUID, lambda: None, module=board, now=lambda: board.seconds)
    assert spent == pytest.approx(2.0, rel=0.03)
    assert f"{1e3 * step:.3g} ms" in source
    assert board.seconds >= max(LEAST_SECONDS, STEPS * step)
    assert board.open == 0


def test_a_counter_that_stands_still_gives_no_joules() -> None:
    """It is not resolvable, and that is an error which says so."""
    board = Board(100.0)
    with pytest.raises(NvmlError, match="not resolvable"):
        joules(board.call, UUID, lambda: None, module=board, now=lambda: board.seconds)
