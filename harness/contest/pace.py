"""The pace of a variant: how many iterations make a round, and when it is warm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from statistics import median

from harness.contest.effort import Effort
from harness.contest.entrant import Entrant

MOST_ITERATIONS = 10_000_000
LONG_ITERATION = 0.1
"""Seconds. A single iteration longer than this needs no lead-in (what a lead-in warms is warm within a millisecond of
it) and is steady after one repetition: doubling every epoch of a loader would buy nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Iterations of a round and of its lead-in, and the seconds one iteration took when warm."""

    iterations: int
    lead: int
    seconds: float

    @property
    def round_seconds(self) -> float:
        """What a round costs with its lead-in."""
        return (self.iterations + self.lead) * self.seconds


def calibrate(entrant: Entrant, effort: Effort) -> tuple[int, float]:
    """The number of iterations that fills ``effort.round_seconds``, and the seconds each of them took."""
    iterations = 1
    while True:
        seconds = entrant.lap(iterations, 0).seconds
        if seconds >= effort.round_seconds or iterations >= MOST_ITERATIONS:
            return iterations, seconds / iterations
        # Grow at most tenfold at a time: a first lap that is mostly start-up cost says little about the next.
        wanted = iterations * effort.round_seconds * 1.1 / seconds if seconds > 0 else iterations * 10
        iterations = min(MOST_ITERATIONS, max(iterations + 1, ceil(min(wanted, iterations * 10))))


def warm_up(entrant: Entrant, iterations: int, effort: Effort, now: Callable[[], float]) -> tuple[float, bool]:
    """Run rounds until they no longer get faster: seconds of an iteration when warm, and whether it settled.

    Steady means that the median of the last three rounds is not more than ``effort.steady`` below that of the three
    before. A variant that has not settled when ``effort.warmup_limit`` is used up is measured all the same, and says so.
    """
    start = now()
    rounds: list[float] = []
    while True:
        rounds.append(entrant.lap(iterations, 0).seconds / iterations)
        if len(rounds) >= 6 and median(rounds[-3:]) >= (1 - effort.steady) * median(rounds[-6:-3]):
            return median(rounds[-3:]), True
        if now() - start >= effort.warmup_limit:
            return median(rounds[-3:]), len(rounds) < 6


def pace(seconds: float, target: float) -> Pace:
    """The pace of a variant whose warm iteration takes ``seconds``, for rounds of ``target`` seconds."""
    iterations = max(1, min(MOST_ITERATIONS, ceil(target / seconds))) if seconds > 0 else MOST_ITERATIONS
    lead = 0 if seconds >= LONG_ITERATION else max(1, iterations // 5)
    return Pace(iterations, lead, seconds)


def target_seconds(iteration_seconds: list[float], effort: Effort) -> float:
    """The length rounds should have in common, given every variant's warm iteration."""
    return max(effort.round_seconds, min(max(iteration_seconds, default=0.0), effort.longest_round))
