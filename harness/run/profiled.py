"""What differs where a gate found a regression: one profile in each arm, after all timing, held against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from harness import store
from harness.contest.agreement import Disagreement
from harness.contest.seat import SeatError
from harness.model import Arm, TraceSummary
from harness.report.traced import growth
from harness.run.candidate import Candidate
from harness.run.pair import ArmLost, Pair
from harness.traces.chunks import TraceError
from harness.traces.summary import summarise

MOST_EXPLAINED = 5
"""Regressions of one gate that are profiled, the worst first: each costs a few seconds."""


class Unexplained(Exception):
    """A profile that could not be had; the message says of which arm, and why."""


def explain(
    pair: Pair, begin: Callable[[Sequence[str]], object], regressed: Sequence[Candidate], folder: Path, random: Random
) -> Iterator[str]:
    """Profile these candidates, one a case, on both sides of a fresh pair and set what differs as their ``difference``.

    ``begin`` leads the pair to their cases; traces go to ``folder``. Gives a note for each that could not be explained.
    Raises ArmLost.
    """
    of_case = {candidate.case: candidate for candidate in regressed}
    begin(list(of_case))
    for case, standings in pair.walk(random):
        candidate = of_case[case]
        if any(candidate.variant not in standing.variants for standing in standings.values()):
            yield f"no profile of {case} {candidate.variant}: it was not there again"
            continue
        try:
            base, head = (_profile(pair, arm, candidate, folder) for arm in Arm)
        except Unexplained as error:
            yield f"no profile of {case} {candidate.variant}: {error}"
        else:
            candidate.difference = growth(base, head)


def worst(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The few that slowed down most, one of a case: what grew in one variant has grown in the others as a rule."""

    def ratio(candidate: Candidate) -> float:
        ruling = candidate.ruling
        return ruling.ratio if ruling is not None and ruling.ratio is not None else 0.0

    ordered = sorted(candidates, key=ratio)
    of_case = {candidate.case: candidate for candidate in ordered}  # the last one stays: the worst
    return sorted(of_case.values(), key=ratio, reverse=True)[:MOST_EXPLAINED]


def _profile(pair: Pair, arm: Arm, candidate: Candidate, folder: Path) -> TraceSummary:
    entrant = pair.entrant(arm, candidate.variant)
    file = (folder / store.trace_name(candidate.case, f"{candidate.variant} {arm}")).resolve()
    with _blamed(arm, candidate.case):
        pair.seats[arm].timeout = candidate.claim.time_limit
        entrant.enter()
        try:
            entrant.open()
            entrant.profile(file)
        finally:
            if not pair.seats[arm].ended:
                entrant.leave()
        return summarise(file)


@contextmanager
def _blamed(arm: Arm, case: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ArmLost(arm, str(error), case) from error
    except (SeatError, Disagreement, TraceError) as error:
        raise Unexplained(f"{arm}: {error}") from error
