"""What watching costs, by a script: slots by turns, a watch that lives in half of them, and where rounds
belong."""

from __future__ import annotations

import sys
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from tests.support.living import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import watch_cost
from watch_cost import Slots


class Night:
    """In the place of ``time``: sleeping is all that makes time pass."""

    def __init__(self, late: float = 0.0) -> None:
        self.seconds = 1000.0
        self.late = late

    def monotonic(self) -> float:
        """The moment."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Wake up, a little late."""
        self.seconds += seconds + self.late


def begun(monkeypatch: pytest.MonkeyPatch, first: list[bool], late: float = 0.0) -> tuple[Slots, Night]:
    """Slots that begin in a second."""
    night = Night(late)
    monkeypatch.setattr(watch_cost, "time", night)
    slots = Slots(0.1, first)
    assert slots.now() == 0.0
    slots.start = 1001.0
    return slots, night


def test_the_watch_wakes_in_its_own_slots_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """At every twentieth of a second that it lives, in the middle between borders, and never while it is
    off."""
    first = Random(3).choices([True, False], k=40)
    slots, night = begun(monkeypatch, first, late=1e-4)
    assert not slots.wait(0.025)
    woken = []
    due = 0.025 + 0.05
    while not slots.wait(due - slots.now()):
        woken.append(night.seconds - slots.start)
        due += 0.05
    assert len(woken) == 2 * 40 - 1
    for moment in woken:
        pair, within = divmod(moment, 0.2)
        assert (within < 0.1) == first[int(pair)]
        assert within % 0.05 == pytest.approx(0.0251, abs=1e-6)
    night.seconds = slots.end + 5
    assert slots.now() == pytest.approx(40 * 0.1)
    assert slots.wait(0.05)


def test_time_with_the_watch_stands_still_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never goes back, and at the end of each pair it has moved on by one slot."""
    slots, night = begun(monkeypatch, [True, False, False, True])
    lived = []
    for tick in range(200):
        night.seconds = slots.start + tick / 200 * 0.8
        lived.append(slots.now())
    assert all(before <= after for before, after in pairwise(lived))
    assert lived[50] == pytest.approx(0.1) and lived[100] == pytest.approx(0.2)
    assert lived[60] == pytest.approx(0.1) and lived[90] == pytest.approx(0.16)


def test_rounds_are_put_to_their_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes one per cent longer beside the watch comes out so; rounds across a border count for neither
    slot."""
    first = [True, False, False, True]
    slots, _ = begun(monkeypatch, first)
    rounds = []
    moment = slots.start - 0.05
    while moment < slots.end + 0.05:
        pair, within = divmod(moment - slots.start, 0.2)
        on = 0 <= pair < 4 and (within < 0.1) == first[int(pair)]
        border = int((moment - slots.start) / 0.1) != int((moment + 0.006 - slots.start) / 0.1)
        seconds = 0.006 * (9 if border else 1.01 if on else 1) / (9 if border else 1)
        rounds.append((moment, seconds))
        moment += 0.0061
    without, beside = slots.times(rounds)
    assert np.allclose(without, 0.006) and np.allclose(beside, 0.00606)
    assert len(beside) == 4
    # A pair with a slot that no whole round fell into says nothing.
    _, beside = slots.times([each for each in rounds if not slots.start + 0.1 < each[0] < slots.start + 0.2])
    assert len(beside) == 3
