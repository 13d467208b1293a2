"""Kernel launches of what a gate judges, counted once on both sides, in processes that time nothing.

A profiler stays attached where it was used once and slows later launches, in which most of the difference may lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from harness.contest.agreement import Disagreement
from harness.contest.seat import SeatError
from harness.model import Arm
from harness.run.candidate import LAUNCHES, Candidate
from harness.run.pair import ArmLost, Pair


class Uncounted(Exception):
    """A number of launches that could not be had; the message says of which arm, and why."""


def count(
    pair: Pair, begin: Callable[[Sequence[str]], object], candidates: Sequence[Candidate], random: Random
) -> Iterator[str]:
    """Count what these candidates launch on both sides of a fresh pair, and set it among their exact numbers.

    ``begin`` leads the pair to their cases. Gives a note for each that could not be counted. Raises ArmLost.
    """
    of_case: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        of_case.setdefault(candidate.case, []).append(candidate)
    begin(list(of_case))
    for case, standings in pair.walk(random):
        for candidate in of_case[case]:
            if any(candidate.variant not in standing.variants for standing in standings.values()):
                yield f"no launches of {case} {candidate.variant}: it was not there again"
                continue
            try:
                base, head = (_launches(pair, arm, candidate) for arm in Arm)
            except Uncounted as error:
                yield f"no launches of {case} {candidate.variant}: {error}"
                continue
            if base is not None and head is not None:
                candidate.exact[LAUNCHES] = (base, head)


def _launches(pair: Pair, arm: Arm, candidate: Candidate) -> float | None:
    entrant = pair.entrant(arm, candidate.variant)
    pair.seats[arm].timeout = candidate.claim.time_limit
    try:
        entrant.enter()
        try:
            entrant.open()
            reading = entrant.read(LAUNCHES)
        finally:
            if not pair.seats[arm].ended:
                entrant.leave()
    except TimeoutError as error:
        raise ArmLost(arm, str(error), candidate.case) from error
    except (SeatError, Disagreement) as error:
        if pair.seats[arm].ended:
            raise ArmLost(arm, str(error), candidate.case) from error
        raise Uncounted(f"{arm}: {error}") from error
    return None if reading is None else reading[0]
