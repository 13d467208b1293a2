"""A duel: one variant, its base and its head in two live processes, round against round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from random import Random

from harness.contest.blocks import FULL_ROUND, PATIENCE, STARTS, Dropped, play, symmetric_orders
from harness.contest.effort import Effort
from harness.contest.entrant import LONG_ITERATION, Entrant, Reading, Turn
from harness.contest.pace import Pace, Warm, pace, target_seconds, warm_up
from harness.model import Arm

WARM_ROUNDS = 3
"""Rounds before those that count, where the number of iterations is known from an earlier unit."""


class DuelEnded(Exception):
    """One side could not go on; ``arm`` says which, ``error`` what it raised."""

    def __init__(self, arm: Arm, error: Exception) -> None:
        super().__init__(f"{arm}: {error}")
        self.arm = arm
        self.error = error


class OutOfTime(Exception):
    """No block would have been over in time; nothing was measured."""


@dataclass(frozen=True, slots=True)
class Fought:
    """What both sides showed: the iterations of a round, the same for both, and a turn a block.

    ``blocks`` are the moments, by the duel's clock, from and to which each block lasted.
    """

    iterations: int
    turns: Mapping[Arm, tuple[Turn, ...]]
    first_seconds: Mapping[Arm, float]
    readings: Mapping[Arm, Mapping[str, Reading]]
    blocks: tuple[tuple[float, float], ...] = ()


def duel(
    base: Entrant,
    head: Entrant,
    *,
    effort: Effort,
    iterations: int,
    readings: Sequence[str] = (),
    now: Callable[[], float],
    random: Random,
    until: float = inf,
    at_least_one: bool = True,
) -> Fought:
    """Set both up, run them in, and let them take turns in a symmetric random schedule; both are left afterwards.

    The base's number of iterations counts for both sides: it is found here where ``iterations`` is 0. ``readings`` are
    taken of both after their rounds. By ``until``, a moment of the clock, it is to be over: there are fewer blocks than
    the effort asks for where they would last longer, and readings that would take longer are left out. One block is
    played in any case, or, where ``at_least_one`` is not asked for, OutOfTime raised. Raises DuelEnded.
    """
    sides: dict[Arm, Entrant] = {Arm.BASE: base, Arm.HEAD: head}
    begun = now()
    try:
        first = _open(sides, random)
        opened = now() - begun
        if not at_least_one and now() + opened >= until:
            raise OutOfTime
        # Run in for one and a half times what opening took, and a block: long iterations do not fit, short ones do.
        hurried = now() + 2.5 * opened >= until
        paced = _run_in(sides, first[Arm.BASE], effort, iterations, now, random, hurried=hurried)
        for starts_left in reversed(range(STARTS)):
            turns, moments = _blocks(sides, paced, effort, now, random, until)
            seconds = min(turn.seconds for turn in turns[Arm.BASE])
            if seconds >= FULL_ROUND * effort.round_seconds or not starts_left or now() >= until:
                break
            # The base had been held up while its pace was found; what it really takes is known now.
            each = seconds / paced.iterations
            paced = _pace(Warm(each, each, settled=True), effort)
        if now() + opened >= until:
            readings = ()  # each takes an iteration
        read = {arm: _readings(arm, sides[arm], readings) for arm in random.sample(list(sides), 2)}
    finally:
        for arm in random.sample(list(sides), 2):
            sides[arm].leave()
    return Fought(paced.iterations, {arm: tuple(turns[arm]) for arm in Arm}, first, read, tuple(moments))


def _readings(arm: Arm, entrant: Entrant, names: Sequence[str]) -> dict[str, Reading]:
    found: dict[str, Reading] = {}
    with _blamed(arm):
        for name in names:
            reading = entrant.read(name)
            if reading is not None:
                found[name] = reading
    return found


def _open(sides: Mapping[Arm, Entrant], random: Random) -> dict[Arm, float]:
    first: dict[Arm, float] = {}
    for arm in random.sample(list(sides), 2):
        with _blamed(arm):
            sides[arm].enter()
    for arm in random.sample(list(sides), 2):
        with _blamed(arm):
            first[arm] = sides[arm].open()[0]
    return first


def _run_in(
    sides: Mapping[Arm, Entrant],
    first_seconds: float,
    effort: Effort,
    iterations: int,
    now: Callable[[], float],
    random: Random,
    *,
    hurried: bool,
) -> Pace:
    if iterations and first_seconds >= LONG_ITERATION:
        # An epoch has just been run to its end on either side: another would only cost as much as a round.
        return Pace(iterations, 0, first_seconds)
    if iterations:
        with _blamed(Arm.BASE):
            each = sides[Arm.BASE].lap(iterations, 0).seconds / iterations
        paced = Pace(iterations, 0, each)
    else:
        if hurried and first_seconds >= LONG_ITERATION:
            with _blamed(Arm.BASE):
                each = sides[Arm.BASE].lap(1, 0).seconds
            if each >= LONG_ITERATION:
                return Pace(1, 0, each)
        with _blamed(Arm.BASE):
            warm = warm_up(sides[Arm.BASE], first_seconds, effort, now)
        paced = _pace(warm, effort)
    rounds = 1 if paced.seconds >= LONG_ITERATION else WARM_ROUNDS
    for arm in random.sample(list(sides), 2):
        with _blamed(arm):
            # One turn for all of them: each turn would cost a switch and the warming up after it.
            sides[arm].lap(paced.iterations, (rounds - 1) * paced.iterations)
    return paced


def _pace(warm: Warm, effort: Effort) -> Pace:
    """Without a lead-in: whoever sits warms itself up again at every turn, for as long as that takes."""
    return replace(pace(warm, target_seconds([warm.seconds], effort), effort), lead=0)


def _blocks(
    sides: Mapping[Arm, Entrant],
    paced: Pace,
    effort: Effort,
    now: Callable[[], float],
    random: Random,
    until: float,
) -> tuple[dict[Arm, list[Turn]], list[tuple[float, float]]]:
    """Each side's turns, and when their blocks took place."""
    turns: dict[Arm, list[Turn]] = {arm: [] for arm in sides}
    moments: list[tuple[float, float]] = []
    entrants = {str(arm): entrant for arm, entrant in sides.items()}
    paces = dict.fromkeys(entrants, paced)
    blocks = effort.blocks(2 * paced.round_seconds)
    patience = now() + max(8 * blocks * paced.round_seconds, PATIENCE)
    for done, order in enumerate(symmetric_orders((Arm.BASE, Arm.HEAD), blocks, random)):
        if done >= effort.fewest_blocks and now() > patience:
            break
        start = now()
        if done and start + max(end - begin for begin, end in moments) >= until:
            break
        try:
            for name, turn in play(entrants, paces, order).items():
                turns[Arm(name)].append(turn)
        except Dropped as dropped:
            raise DuelEnded(Arm(dropped.name), dropped.error) from dropped
        moments.append((start, now()))
    return turns, moments


@contextmanager
def _blamed(arm: Arm) -> Iterator[None]:
    """What is raised inside was this arm's doing."""
    try:
        yield
    except Exception as error:
        raise DuelEnded(arm, error) from error
