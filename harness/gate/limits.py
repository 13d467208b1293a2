"""What a gate's time is spent on: rounds and blocks of a decision, and the cases of a unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from harness.judge.regression import Rule
from harness.judge.units import Unit
from harness.measure.limits import RoundLimits
from harness.model import Claim

WIDEST = 3.0
"""How many times the usual blocks a unit may have: the processes on which this was tried have no more."""


def effort_for(claim: Claim, target: float, *, clear: bool = False, wider: float = 1.0) -> RoundLimits:
    """Rounds and blocks of one decision in one unit: more blocks for a finer target, fewer once it is clear.

    What a unit is off by comes from its process as much as from its rounds: replayed, live pairs of 5 % more
    work were decided after one unit in thirty less with 13 blocks than with 10, each of which took a quarter
    longer. A unit has ``wider`` times as many where rounds vary much (`wider_by`).
    """
    if claim.loader:
        # Epochs are long, and the test needs ten units at the least, however fine they are: on recorded
        # loaders with 10 % more work, five or six pairs decided a tenth sooner than eight, in more units.
        fewest, most = (5, 5) if clear else (6, 12)
        return RoundLimits(
            share=1.2, longest_round=0.1, fewest_blocks=fewest, most_blocks=most, warmup_limit=2.0
        )
    wider = 1.0 if clear else wider
    finer = 0.05 / target
    blocks = min(60, max(8, round(10 * finer**1.5))) // (2 if clear else 1)
    return RoundLimits(
        share=0.5 * max(1.0, finer) * wider,
        fewest_blocks=6,
        most_blocks=max(6, round(blocks * wider)),
        warmup_limit=0.5,
    )


def wider_by(found: Sequence[Unit], pairs: int, by: Rule) -> float:
    """How many times the ``pairs`` of the first unit the next one is to have: 1 to `WIDEST`.

    So many that their part in what a unit is off by is no more than is tolerated. Only behind the first
    look at which a slow-down can be named, because most of what can be decided has been by then. Not where
    units lie far off and their rounds do not explain it: there processes differ, and wider units cost time
    for nothing. Live, units of a 512 KiB product were off by 22 % with 10 pairs as with 30, while those of
    small operations, convolutions and backward passes were off by half as much or less with 30.

    It goes by how much pairs differ within units, and by distances from what is tolerated, whichever the
    side: the signs of later units are as likely one way as the other, which is all that the signed-rank test
    requires.
    """
    if len(found) < by.failing_looks[0]:
        return 1.0
    one_pair = NORMAL * median(unit.pair_noise() for unit in found)
    distance = median(abs(unit.quiet - by.tolerated) for unit in found)
    if distance > max(FAR * by.near, MORE * one_pair / math.sqrt(pairs)):
        return 1.0
    return min(WIDEST, max(1.0, (one_pair / by.tolerated) ** 2 / pairs))


FAR = 2.0
"""The distance of units, over that of what may pass, up to which they may be wider whatever it comes from."""

MORE = 3.0
"""The distance of units, over what their pairs make them off by, beyond which it comes from the processes."""

NORMAL = 1.4826
"""The deviation of normal values over their median distance from the middle."""


def in_time(cases: Sequence[str], early: Mapping[str, int], left: float, unit_seconds: float) -> list[str]:
    """The cases of a unit in the order to lead to them: first those that few more units decide.

    ``early`` has these, with the units that each needs, ``left`` the seconds there are, and ``unit_seconds``
    what the last unit took. Where the time does not suffice for as many units of everything, it goes to these
    alone: a budget that runs out leaves something decided, rather than everything a little closer.
    """
    first = [case for case in cases if case in early]
    rest = [case for case in cases if case not in early]
    if first and left < min(early[case] for case in first) * unit_seconds:
        return first
    return [*first, *rest]
