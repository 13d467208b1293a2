"""When a run is likely to end: replayed on a clock by script, with unit lengths that were recorded."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.bench.ending import Ending
from harness.bench.plan import Step
from harness.bench.schedule import Schedule
from tests.support.saved import recorded
from tests.support.scheduled import Known, ScriptedRun

STAGES = 3.0
"""How many times as long as its rounds a unit of arithmetic takes, with set-up and warm-up."""

CASES = 10
"""Cases that each recorded workload stands for, each beginning with another of its units."""


def cases(effects: Sequence[tuple[float, ...]], spread: float) -> list[Known]:
    """Cases whose units take as long as those that were recorded did, with effects by turns; some stall."""
    found: list[Known] = []
    for workload, units in recorded("duet").items():
        loader = "loader" in workload
        lengths = [(sum(each["base"]) + sum(each["head"])) / 2 * (1 if loader else STAGES) for each in units]
        for number in range(1 if loader else CASES):
            shifted = lengths[5 * number :] + lengths[: 5 * number]
            known = Known(
                workload, str(number), loader, effects=effects[len(found) % len(effects)], spread=spread
            )
            known.lengths = tuple(shifted)
            found.append(known)
    return found


def errors(
    known: Sequence[Known], budget: float, *, solo: bool = False
) -> tuple[float, list[tuple[float, float]]]:
    """The seconds that the run took; and for each moment how far the ending was off, as a share of these."""
    made = Schedule([each.progress() for each in known], units=28, solo=solo, counts=("peak_bytes",))
    ending = Ending(made, budget)
    seen: list[tuple[float, float]] = []

    def begins(step: Step, now: float) -> None:
        ending.step(step, now)
        seen.append((now, ending.moment(now)))

    def ended(case: str, now: float) -> None:
        ending.case_ended(case, now)
        seen.append((now, ending.moment(now)))

    played = ScriptedRun(made, known, ended=ended)
    for _ in played.play(budget, taken=begins):
        pass
    took = played.now
    return took, [(now, (moment - took) / took) for now, moment in seen]


@pytest.mark.parametrize(
    ("effects", "spread", "budget", "solo"),
    [
        ([(-0.6, 0.4)], 0.01, 3600.0, False),
        ([(-0.6, 0.4), (-0.3, 0.2)], 0.01, 3600.0, False),
        ([(-0.6, 0.4), (0.0, 0.0)], 0.02, 500.0, False),
        ([(-0.6, 0.4), (-0.2, 0.0)], 0.01, 3600.0, False),
        ([(-0.6, 0.4), (-0.2, 0.0)], 0.01, 420.0, True),
        ([(-0.6, 0.4), (0.03, 0.0)], 0.02, 300.0, True),
        ([(-0.1, 0.05)], 0.02, 600.0, False),
    ],
)
def test_the_ending_is_right_from_the_second_minute_on(
    effects: list[tuple[float, ...]], spread: float, budget: float, solo: bool
) -> None:
    """Within 10 % of what the run took in the end, whether all is decided or the budget is used up."""
    took, found = errors(cases(effects, spread), budget, solo=solo)
    assert took > 150.0
    late = [error for now, error in found if now >= 120.0]
    assert max(map(abs, late)) <= 0.1
