"""Blocks: one round of every variant, in random order, again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

from harness.errors import HarnessError
from harness.measure.calibrate import RoundSize
from harness.measure.runner import Round, VariantRunner

BLOCKS_TIMEOUT = 2.0
"""Seconds that a case's blocks may take at the least before a slow machine cuts them short."""

STARTS = 3
"""How often the blocks may start at most: again if rounds turn out shorter than `FULL_ROUND` of what was
planned."""

FULL_ROUND = 0.8
"""The share of a round's planned seconds below which it is far too short."""


class RunnerFailed(HarnessError):
    """A runner failed in the middle of the blocks; carries its name and what it raised."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(name)
        self.name = name
        self.error = error


@contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Collect now, then not again until the end: a collection would fall into a round."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def orders(names: Sequence[str], blocks: int, random: Random) -> list[list[str]]:
    """A random order of the variants for every block."""
    return [random.sample(names, len(names)) for _ in range(blocks)]


def symmetric_orders(pair: tuple[str, str], blocks: int, random: Random) -> list[tuple[str, str]]:
    """An order of the two for every block, in random mirror pairs: AB BA or BA AB, so that neither is first
    more often.

    With an odd number of blocks the last one is random.
    """
    first, second = pair
    there, back = (first, second), (second, first)
    orders: list[tuple[str, str]] = []
    while len(orders) < blocks:
        orders += random.sample([there, back], 2)
    return orders[:blocks]


def play(
    runners: Mapping[str, VariantRunner], paces: Mapping[str, RoundSize], order: Sequence[str]
) -> dict[str, Round]:
    """One block in the given order. Raises RunnerFailed at the first runner that fails."""
    turns: dict[str, Round] = {}
    for name in order:
        pace = paces[name]
        try:
            turns[name] = runners[name].run_round(pace.iterations, pace.lead)
        except Exception as error:
            raise RunnerFailed(name, error) from error
    return turns
