"""Kernel launches of what a gate judges, counted once on both sides, in processes that time nothing.

A profiler stays attached where it was used once and slows later launches, in which most of the difference may lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from harness.errors import HarnessError
from harness.gate.decision import LAUNCHES, Decision
from harness.gate.pair import SideLost, WorkerPair
from harness.measure.correctness import WrongResult
from harness.model import Side
from harness.workers.client import WorkerFailed


class Uncounted(HarnessError):
    """A number of launches that could not be had; the message says of which side, and why."""


def count(
    pair: WorkerPair, begin: Callable[[Sequence[str]], object], candidates: Sequence[Decision], random: Random
) -> Iterator[str]:
    """Count what these candidates launch on both sides of a fresh pair, and set it among their exact numbers.

    ``begin`` leads the pair to their cases. Gives a note for each that could not be counted. Raises SideLost.
    """
    of_case: dict[str, list[Decision]] = {}
    for candidate in candidates:
        of_case.setdefault(candidate.case, []).append(candidate)
    begin(list(of_case))
    for case, standings in pair.walk(random):
        for candidate in of_case[case]:
            if any(candidate.variant not in standing.variants for standing in standings.values()):
                yield f"no launches of {case} {candidate.variant}: it was not there again"
                continue
            try:
                base, head = (_launches(pair, side, candidate) for side in Side)
            except Uncounted as error:
                yield f"no launches of {case} {candidate.variant}: {error}"
                continue
            if base is not None and head is not None:
                candidate.exact[LAUNCHES] = (base, head)


def _launches(pair: WorkerPair, side: Side, candidate: Decision) -> float | None:
    runner = pair.runner(side, candidate.variant)
    pair.clients[side].timeout = candidate.claim.time_limit
    try:
        runner.setup()
        try:
            runner.first_call()
            reading = runner.read(LAUNCHES)
        finally:
            if not pair.clients[side].ended:
                runner.teardown()
    except TimeoutError as error:
        raise SideLost(side, str(error), candidate.case) from error
    except (WorkerFailed, WrongResult) as error:
        if pair.clients[side].ended:
            raise SideLost(side, str(error), candidate.case) from error
        raise Uncounted(f"{side}: {error}") from error
    return None if reading is None else reading[0]
