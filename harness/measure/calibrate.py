"""The pace of a variant: how many iterations make a round, and when it is warm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from statistics import median

from harness.measure.limits import RoundLimits
from harness.measure.runner import LONG_ITERATION, VariantRunner

MOST_ITERATIONS = 10_000_000


@dataclass(frozen=True, slots=True)
class RoundSize:
    """Iterations of a round and of its lead-in, and the seconds one iteration took when warm."""

    iterations: int
    lead: int
    seconds: float

    @property
    def round_seconds(self) -> float:
        """What a round costs with its lead-in."""
        return (self.iterations + self.lead) * self.seconds


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A variant that has been run in: seconds of an iteration, typical and at its quickest, and whether it
    settled."""

    seconds: float
    quickest: float
    settled: bool


def warm_up(
    runner: VariantRunner, first_seconds: float, limits: RoundLimits, now: Callable[[], float]
) -> WarmUp:
    """Find the iterations that fill a round, and run such rounds until they no longer get faster.

    Steady means that the median of the last three rounds is not more than ``limits.steady`` below that of the
    three before. A variant that has not settled when ``limits.warmup_limit`` is used up is measured all the
    same, with a warning.

    A round that turns out too short starts the account again with more iterations: the round before it was
    delayed, by a neighbour or by its own first-time cost, and did not show the work. For the same reason a
    long round counts only if the call before it took about as long; two such doubts are followed up, not
    more. An epoch that is long is enough.
    """
    if limits.epochs and first_seconds >= LONG_ITERATION:
        return WarmUp(first_seconds, first_seconds, settled=True)
    start = now()
    iterations = 1
    before = first_seconds
    doubts = 2
    rounds: list[float] = []
    while True:
        seconds = runner.run_round(iterations, 0).seconds
        if iterations == 1 and seconds >= LONG_ITERATION and doubts:
            if max(before, seconds) <= 2 * min(before, seconds):
                return WarmUp(seconds, seconds, settled=True)
            before, doubts, start = seconds, doubts - 1, now()
            continue
        late = now() - start >= limits.warmup_limit
        if seconds < limits.round_seconds and iterations < MOST_ITERATIONS:
            # Grow at most tenfold at a time: a round that is mostly start-up cost does not predict the next.
            wanted = iterations * limits.round_seconds * 1.1 / seconds if seconds > 0 else iterations * 10
            if seconds < 0.8 * limits.round_seconds:
                rounds.clear()
                iterations = min(MOST_ITERATIONS, max(iterations + 1, ceil(min(wanted, iterations * 10))))
                continue
        rounds.append(seconds / iterations)
        if len(rounds) >= 6 and median(rounds[-3:]) >= (1 - limits.steady) * median(rounds[-6:-3]):
            return WarmUp(median(rounds[-3:]), min(rounds), settled=True)
        if late:
            return WarmUp(median(rounds[-3:]), min(rounds), settled=len(rounds) < 6)


def pace(warm: WarmUp, target: float, limits: RoundLimits) -> RoundSize:
    """The pace of a warm variant for rounds of about ``target`` seconds.

    They fill ``limits.round_seconds`` also when it runs at its quickest.
    """
    if warm.quickest > 0:
        wanted = max(ceil(limits.round_seconds / warm.quickest), round(target / warm.seconds))
        iterations = max(1, min(MOST_ITERATIONS, wanted))
    else:
        iterations = MOST_ITERATIONS
    lead = 0 if warm.seconds >= LONG_ITERATION else max(1, iterations // 5)
    return RoundSize(iterations, lead, warm.seconds)


def target_seconds(iteration_seconds: list[float], limits: RoundLimits) -> float:
    """The length rounds should have in common, given every variant's warm iteration."""
    return max(limits.round_seconds, min(max(iteration_seconds, default=0.0), limits.longest_round))
