"""Paired rounds: one variant on both sides of a gate, in two live processes that take turns round by
round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from random import Random

from harness.errors import HarnessError
from harness.measure.blocks import BLOCKS_TIMEOUT, FULL_ROUND, STARTS, RunnerFailed, play, symmetric_orders
from harness.measure.calibrate import RoundSize, WarmUp, pace, target_seconds, warm_up
from harness.measure.limits import RoundLimits
from harness.measure.runner import LONG_ITERATION, Reading, Round, VariantRunner
from harness.model import Side

WARM_ROUNDS = 3
"""Rounds before those that count, where the number of iterations is known from an earlier unit."""


class SideFailed(HarnessError):
    """One side could not go on; ``side`` is which, ``error`` what it raised."""

    def __init__(self, side: Side, error: Exception) -> None:
        super().__init__(f"{side}: {error}")
        self.side = side
        self.error = error


class RoundsOutOfTime(HarnessError):
    """No block would have been over in time; nothing was measured."""


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How a pair is measured.

    ``iterations`` of a round are found on the base where they are 0, and count for both sides. ``readings``
    are taken of both after their rounds. By ``until``, a moment of the clock, it is to be over: there are
    fewer blocks than the ``limits`` allow where they would last longer, and readings that would take longer
    are left out. One block is played in any case, unless ``at_least_one`` is not set.
    """

    limits: RoundLimits
    iterations: int = 0
    readings: tuple[str, ...] = ()
    until: float = inf
    at_least_one: bool = True


@dataclass(frozen=True, slots=True)
class PairedRounds:
    """What both sides showed: the iterations of a round, the same for both, and a turn a block.

    ``blocks`` are the moments, by the caller's clock, from and to which each block lasted.
    """

    iterations: int
    turns: Mapping[Side, tuple[Round, ...]]
    first_seconds: Mapping[Side, float]
    readings: Mapping[Side, Mapping[str, Reading]]
    blocks: tuple[tuple[float, float], ...] = ()


def paired_rounds(
    base: VariantRunner,
    head: VariantRunner,
    settings: PairSettings,
    *,
    now: Callable[[], float],
    random: Random,
) -> PairedRounds:
    """Set both up, run them in, and let them take turns in a symmetric random schedule; both are left
    afterwards.

    ``now`` is the clock, in seconds. Raises SideFailed; RoundsOutOfTime where no block would end in time and
    none has to be played.
    """
    sides: dict[Side, VariantRunner] = {Side.BASE: base, Side.HEAD: head}
    limits, until = settings.limits, settings.until
    begun = now()
    try:
        first = _open(sides, random)
        opened = now() - begun
        if not settings.at_least_one and now() + opened >= until:
            raise RoundsOutOfTime
        # Run in for one and a half times what opening took, and a block: long iterations do not fit, short
        # ones do.
        hurried = now() + 2.5 * opened >= until
        paced = _run_in(sides, first[Side.BASE], settings, now, random, hurried=hurried)
        for starts_left in reversed(range(STARTS)):
            turns, moments = _blocks(sides, paced, settings, now, random)
            seconds = min(turn.seconds for turn in turns[Side.BASE])
            enough = seconds >= FULL_ROUND * limits.round_seconds or base.window_seconds > 0
            if enough or not starts_left or now() >= until:
                break
            # The base was delayed while its pace was found; what it really takes is known now.
            each = seconds / paced.iterations
            paced = _pace(WarmUp(each, each, settled=True), limits)
        # Each reading takes an iteration.
        readings = settings.readings if now() + opened < until else ()
        read = {side: _readings(side, sides[side], readings) for side in random.sample(list(sides), 2)}
    finally:
        for side in random.sample(list(sides), 2):
            sides[side].teardown()
    return PairedRounds(
        paced.iterations, {side: tuple(turns[side]) for side in Side}, first, read, tuple(moments)
    )


def _readings(side: Side, runner: VariantRunner, names: Sequence[str]) -> dict[str, Reading]:
    found: dict[str, Reading] = {}
    with _blamed(side):
        for name in names:
            reading = runner.read(name)
            if reading is not None:
                found[name] = reading
    return found


def _open(sides: Mapping[Side, VariantRunner], random: Random) -> dict[Side, float]:
    first: dict[Side, float] = {}
    for side in random.sample(list(sides), 2):
        with _blamed(side):
            sides[side].setup()
    for side in random.sample(list(sides), 2):
        with _blamed(side):
            first[side] = sides[side].first_call()[0]
    return first


def _run_in(
    sides: Mapping[Side, VariantRunner],
    first_seconds: float,
    settings: PairSettings,
    now: Callable[[], float],
    random: Random,
    *,
    hurried: bool,
) -> RoundSize:
    if planned := sides[Side.BASE].window_seconds:
        # Each window has a lead-in of its own, and an epoch has just been run on either side.
        return RoundSize(1, 0, planned)
    iterations, limits = settings.iterations, settings.limits
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
            warm = warm_up(sides[Side.BASE], first_seconds, limits, now)
        paced = _pace(warm, limits)
    rounds = 1 if paced.seconds >= LONG_ITERATION else WARM_ROUNDS
    for side in random.sample(list(sides), 2):
        with _blamed(side):
            # One turn for all of them: each turn would cost a switch and the warming up after it.
            sides[side].run_round(paced.iterations, (rounds - 1) * paced.iterations)
    return paced


def _pace(warm: WarmUp, limits: RoundLimits) -> RoundSize:
    """Without a lead-in: a live process warms itself up again at every turn, for as long as that takes."""
    return replace(pace(warm, target_seconds([warm.seconds], limits), limits), lead=0)


def _blocks(
    sides: Mapping[Side, VariantRunner],
    paced: RoundSize,
    settings: PairSettings,
    now: Callable[[], float],
    random: Random,
) -> tuple[dict[Side, list[Round]], list[tuple[float, float]]]:
    """Each side's turns, and when their blocks took place."""
    turns: dict[Side, list[Round]] = {side: [] for side in sides}
    moments: list[tuple[float, float]] = []
    runners = {str(side): runner for side, runner in sides.items()}
    paces = dict.fromkeys(runners, paced)
    limits = settings.limits
    blocks = limits.blocks(2 * paced.round_seconds)
    timeout = now() + max(8 * blocks * paced.round_seconds, BLOCKS_TIMEOUT)
    for done, order in enumerate(symmetric_orders((Side.BASE, Side.HEAD), blocks, random)):
        if done >= limits.fewest_blocks and now() > timeout:
            break
        start = now()
        if done and start + max(end - begin for begin, end in moments) >= settings.until:
            break
        try:
            for name, turn in play(runners, paces, order).items():
                turns[Side(name)].append(turn)
        except RunnerFailed as dropped:
            raise SideFailed(Side(dropped.name), dropped.error) from dropped
        moments.append((start, now()))
    return turns, moments


@contextmanager
def _blamed(side: Side) -> Iterator[None]:
    """Attribute what is raised inside to this side."""
    try:
        yield
    except Exception as error:
        raise SideFailed(side, error) from error
