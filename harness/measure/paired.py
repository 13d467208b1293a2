"""A duel: one variant, its base and its head in two live processes, round against round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from random import Random

from harness.errors import HarnessError
from harness.measure.blocks import FULL_ROUND, PATIENCE, STARTS, RunnerFailed, play, symmetric_orders
from harness.measure.calibrate import RoundSize, WarmUp, pace, target_seconds, warm_up
from harness.measure.limits import RoundLimits
from harness.measure.runner import LONG_ITERATION, Reading, Round, VariantRunner
from harness.model import Side

WARM_ROUNDS = 3
"""Rounds before those that count, where the number of iterations is known from an earlier unit."""


class SideFailed(HarnessError):
    """One side could not go on; ``arm`` says which, ``error`` what it raised."""

    def __init__(self, arm: Side, error: Exception) -> None:
        super().__init__(f"{arm}: {error}")
        self.arm = arm
        self.error = error


class RoundsOutOfTime(HarnessError):
    """No block would have been over in time; nothing was measured."""


@dataclass(frozen=True, slots=True)
class PairedRounds:
    """What both sides showed: the iterations of a round, the same for both, and a turn a block.

    ``blocks`` are the moments, by the duel's clock, from and to which each block lasted.
    """

    iterations: int
    turns: Mapping[Side, tuple[Round, ...]]
    first_seconds: Mapping[Side, float]
    readings: Mapping[Side, Mapping[str, Reading]]
    blocks: tuple[tuple[float, float], ...] = ()


def paired_rounds(
    base: VariantRunner,
    head: VariantRunner,
    *,
    effort: RoundLimits,
    iterations: int,
    readings: Sequence[str] = (),
    now: Callable[[], float],
    random: Random,
    until: float = inf,
    at_least_one: bool = True,
) -> PairedRounds:
    """Set both up, run them in, and let them take turns in a symmetric random schedule; both are left afterwards.

    The base's number of iterations counts for both sides: it is found here where ``iterations`` is 0. ``readings`` are
    taken of both after their rounds. By ``until``, a moment of the clock, it is to be over: there are fewer blocks than
    the effort asks for where they would last longer, and readings that would take longer are left out. One block is
    played in any case, or, where ``at_least_one`` is not asked for, OutOfTime raised. Raises SideFailed.
    """
    sides: dict[Side, VariantRunner] = {Side.BASE: base, Side.HEAD: head}
    begun = now()
    try:
        first = _open(sides, random)
        opened = now() - begun
        if not at_least_one and now() + opened >= until:
            raise RoundsOutOfTime
        # Run in for one and a half times what opening took, and a block: long iterations do not fit, short ones do.
        hurried = now() + 2.5 * opened >= until
        paced = _run_in(sides, first[Side.BASE], effort, iterations, now, random, hurried=hurried)
        for starts_left in reversed(range(STARTS)):
            turns, moments = _blocks(sides, paced, effort, now, random, until)
            seconds = min(turn.seconds for turn in turns[Side.BASE])
            if seconds >= FULL_ROUND * effort.round_seconds or not starts_left or now() >= until:
                break
            # The base had been held up while its pace was found; what it really takes is known now.
            each = seconds / paced.iterations
            paced = _pace(WarmUp(each, each, settled=True), effort)
        if now() + opened >= until:
            readings = ()  # each takes an iteration
        read = {arm: _readings(arm, sides[arm], readings) for arm in random.sample(list(sides), 2)}
    finally:
        for arm in random.sample(list(sides), 2):
            sides[arm].teardown()
    return PairedRounds(paced.iterations, {arm: tuple(turns[arm]) for arm in Side}, first, read, tuple(moments))


def _readings(arm: Side, runner: VariantRunner, names: Sequence[str]) -> dict[str, Reading]:
    found: dict[str, Reading] = {}
    with _blamed(arm):
        for name in names:
            reading = runner.read(name)
            if reading is not None:
                found[name] = reading
    return found


def _open(sides: Mapping[Side, VariantRunner], random: Random) -> dict[Side, float]:
    first: dict[Side, float] = {}
    for arm in random.sample(list(sides), 2):
        with _blamed(arm):
            sides[arm].setup()
    for arm in random.sample(list(sides), 2):
        with _blamed(arm):
            first[arm] = sides[arm].first_call()[0]
    return first


def _run_in(
    sides: Mapping[Side, VariantRunner],
    first_seconds: float,
    effort: RoundLimits,
    iterations: int,
    now: Callable[[], float],
    random: Random,
    *,
    hurried: bool,
) -> RoundSize:
    if iterations and first_seconds >= LONG_ITERATION:
        # An epoch has just been run to its end on either side: another would only cost as much as a round.
        return RoundSize(iterations, 0, first_seconds)
    if iterations:
        with _blamed(Side.BASE):
            each = sides[Side.BASE].run_round(iterations, 0).seconds / iterations
        paced = RoundSize(iterations, 0, each)
    else:
        if hurried and first_seconds >= LONG_ITERATION:
            with _blamed(Side.BASE):
                each = sides[Side.BASE].run_round(1, 0).seconds
            if each >= LONG_ITERATION:
                return RoundSize(1, 0, each)
        with _blamed(Side.BASE):
            warm = warm_up(sides[Side.BASE], first_seconds, effort, now)
        paced = _pace(warm, effort)
    rounds = 1 if paced.seconds >= LONG_ITERATION else WARM_ROUNDS
    for arm in random.sample(list(sides), 2):
        with _blamed(arm):
            # One turn for all of them: each turn would cost a switch and the warming up after it.
            sides[arm].run_round(paced.iterations, (rounds - 1) * paced.iterations)
    return paced


def _pace(warm: WarmUp, effort: RoundLimits) -> RoundSize:
    """Without a lead-in: whoever sits warms itself up again at every turn, for as long as that takes."""
    return replace(pace(warm, target_seconds([warm.seconds], effort), effort), lead=0)


def _blocks(
    sides: Mapping[Side, VariantRunner],
    paced: RoundSize,
    effort: RoundLimits,
    now: Callable[[], float],
    random: Random,
    until: float,
) -> tuple[dict[Side, list[Round]], list[tuple[float, float]]]:
    """Each side's turns, and when their blocks took place."""
    turns: dict[Side, list[Round]] = {arm: [] for arm in sides}
    moments: list[tuple[float, float]] = []
    runners = {str(arm): runner for arm, runner in sides.items()}
    paces = dict.fromkeys(runners, paced)
    blocks = effort.blocks(2 * paced.round_seconds)
    patience = now() + max(8 * blocks * paced.round_seconds, PATIENCE)
    for done, order in enumerate(symmetric_orders((Side.BASE, Side.HEAD), blocks, random)):
        if done >= effort.fewest_blocks and now() > patience:
            break
        start = now()
        if done and start + max(end - begin for begin, end in moments) >= until:
            break
        try:
            for name, turn in play(runners, paces, order).items():
                turns[Side(name)].append(turn)
        except RunnerFailed as dropped:
            raise SideFailed(Side(dropped.name), dropped.error) from dropped
        moments.append((start, now()))
    return turns, moments


@contextmanager
def _blamed(arm: Side) -> Iterator[None]:
    """What is raised inside was this arm's doing."""
    try:
        yield
    except Exception as error:
        raise SideFailed(arm, error) from error
