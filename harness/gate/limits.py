"""What a gate's time is spent on: rounds and blocks of a decision, and the cases of a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.measure.limits import RoundLimits
from harness.model import Claim


def effort_for(claim: Claim, target: float, *, clear: bool = False) -> RoundLimits:
    """Rounds and blocks of one decision in one unit: more blocks for a finer target, fewer once it is clear.

    What a unit is off by comes from its process as much as from its rounds: replayed, live pairs of 5 % more
    work were decided after one unit in thirty less with 13 blocks than with 10, each of which took a quarter
    longer.
    """
    if claim.loader:
        # Epochs are long, and the test needs ten units at the least, however fine they are: on recorded
        # loaders with 10 % more work, five or six pairs decided a tenth sooner than eight, in more units.
        fewest, most = (5, 5) if clear else (6, 12)
        return RoundLimits(
            share=1.2, longest_round=0.1, fewest_blocks=fewest, most_blocks=most, warmup_limit=2.0
        )
    finer = 0.05 / target
    blocks = min(60, max(8, round(10 * finer**1.5))) // (2 if clear else 1)
    return RoundLimits(
        share=0.5 * max(1.0, finer), fewest_blocks=6, most_blocks=max(6, blocks), warmup_limit=0.5
    )


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
