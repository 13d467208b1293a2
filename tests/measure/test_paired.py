"""Paired rounds: base and head of one variant, taking turns. All on a clock by script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random

import pytest

from harness.measure.blocks import symmetric_orders
from harness.measure.clock import FakeClock
from harness.measure.limits import RoundLimits
from harness.measure.paired import (
    WARM_ROUNDS,
    PairedRounds,
    PairSettings,
    RoundsOutOfTime,
    SideFailed,
    paired_rounds,
)
from harness.measure.runner import Reading, Round
from harness.model import Side

LIMITS = RoundLimits(share=1.0, fewest_blocks=6, most_blocks=16)


@dataclass
class ScriptedRunner:
    """A runner whose n-th round takes what a script has for an iteration; it notes all that happens to it."""

    name: str
    clock: FakeClock
    cost: Callable[[int], float]
    log: list[tuple[str, str]]
    raises: str = ""
    first: float = 0.0
    rounds: list[tuple[int, int]] = field(default_factory=list)
    window_seconds: float = 0.0

    def _do(self, what: str) -> None:
        self.log.append((what, self.name))
        if self.raises == what:
            raise RuntimeError("boom")

    def setup(self) -> None:
        """Set up."""
        self._do("enter")

    def first_call(self) -> tuple[float, object]:
        """The first iteration."""
        self._do("open")
        first = self.first or self.cost(0)
        self.clock.advance(first)
        return first, None

    def run_round(self, iterations: int, lead: int) -> Round:
        """A round."""
        self._do("round")
        each = self.cost(len(self.rounds))
        self.rounds.append((iterations, lead))
        self.clock.advance(each * (iterations + lead))
        return Round(each * iterations)

    def read(self, metric: str) -> Reading | None:
        """A number, of what there is."""
        self._do("read")
        return (1024.0, "scale") if metric == "peak_bytes" else None

    def snapshot(self, path: Path) -> None:
        """None is taken in a gate."""
        raise NotImplementedError

    def teardown(self) -> None:
        """Tidy up."""
        self._do("leave")


class Pair:
    """Two scripted runners and a clock."""

    def __init__(
        self,
        base: Callable[[int], float] = lambda n: 1e-3,
        head: Callable[[int], float] = lambda n: 1e-3,
        raises: tuple[str, str] = ("", ""),
    ) -> None:
        self.clock = FakeClock()
        self.log: list[tuple[str, str]] = []
        self.base = ScriptedRunner("base", self.clock, base, self.log, raises[0])
        self.head = ScriptedRunner("head", self.clock, head, self.log, raises[1])

    def run(
        self,
        seed: int = 0,
        iterations: int = 0,
        readings: tuple[str, ...] = (),
        until: float = inf,
        at_least_one: bool = True,
    ) -> PairedRounds:
        """The paired rounds."""
        return paired_rounds(
            self.base,
            self.head,
            PairSettings(LIMITS, iterations, readings, until, at_least_one),
            now=self.clock.now,
            random=Random(seed),
        )

    def rounds(self, count: int) -> list[str]:
        """Who went round, in the last blocks."""
        return [name for what, name in self.log if what == "round"][-2 * count :]


def test_windows_need_no_run_in() -> None:
    """Each has a lead-in of its own: the first rounds are those of the first block."""
    scripted = Pair(base=lambda n: 0.4, head=lambda n: 0.4)
    for side in (scripted.base, scripted.head):
        side.window_seconds = 0.5
    found = scripted.run()
    assert len(scripted.base.rounds) == len(found.turns[Side.BASE]) == 6
    assert set(scripted.base.rounds) == {(1, 0)} and found.iterations == 1


def test_both_sides_do_the_same_number_of_iterations() -> None:
    """The base's count is for both: a head twice as slow has rounds twice as long, not half as many
    iterations."""
    scripted = Pair(head=lambda n: 2e-3)
    found = scripted.run()
    assert len(found.turns[Side.BASE]) == len(found.turns[Side.HEAD]) == 16
    assert all(turn.seconds == pytest.approx(2e-3 * found.iterations) for turn in found.turns[Side.HEAD])
    assert {iterations for iterations, _ in scripted.head.rounds} == {found.iterations}
    assert min(turn.seconds for turn in found.turns[Side.BASE]) >= 5e-3


@pytest.mark.parametrize("blocks", [6, 7, 16, 31])
def test_the_schedule_is_symmetric_and_random(blocks: int) -> None:
    """Neither side is first more often, over any two neighbouring blocks; the order differs from seed to
    seed."""
    seen = set()
    for seed in range(30):
        orders = symmetric_orders(("base", "head"), blocks, Random(seed))
        assert len(orders) == blocks
        for first, second in zip(orders[0::2], orders[1::2], strict=False):
            assert first == second[::-1]
        seen.add(tuple(orders))
    assert len(seen) > 5


def test_the_schedule_is_followed() -> None:
    """In the blocks each side goes round once a block, mirrored from one block to the next."""
    scripted = Pair()
    blocks = len(scripted.run().turns[Side.BASE])
    rounds = scripted.rounds(blocks)
    fours = [rounds[index : index + 4] for index in range(0, len(rounds), 4)]
    assert all(four in (["base", "head", "head", "base"], ["head", "base", "base", "head"]) for four in fours)
    assert len({tuple(four) for four in fours}) == 2


def test_it_is_known_when_each_block_took_place() -> None:
    """A stretch a block, one after the other, as long as its two rounds; those that were played again are
    gone."""
    for scripted in (
        Pair(),
        Pair(base=lambda n: 8e-3 if n < 9 else 1e-3, head=lambda n: 8e-3 if n < 3 else 1e-3),
    ):
        found = scripted.run()
        assert len(found.blocks) == len(found.turns[Side.BASE])
        rounds = zip(*(found.turns[side] for side in Side), strict=True)
        for (start, end), pair in zip(found.blocks, rounds, strict=True):
            assert end - start == pytest.approx(sum(turn.seconds for turn in pair))
        assert sorted(found.blocks) == list(found.blocks)
        assert found.blocks[-1][1] == scripted.clock.now()


def test_a_known_count_is_not_looked_for_again() -> None:
    """In later units a few rounds warm each side up, and the count stays."""
    scripted = Pair()
    found = scripted.run(iterations=7)
    assert found.iterations == 7
    warming = [(7, 7 * (WARM_ROUNDS - 1))]
    assert scripted.base.rounds[:2] == [(7, 0), *warming]  # the first one shows how long a block will take
    assert scripted.head.rounds[:1] == warming
    assert {*scripted.base.rounds[2:], *scripted.head.rounds[1:]} == {(7, 0)}


def test_a_base_that_was_held_up_gets_longer_rounds() -> None:
    """Blocks with rounds far too short are played again with more iterations, on both sides."""
    scripted = Pair(base=lambda n: 8e-3 if n < 9 else 1e-3, head=lambda n: 8e-3 if n < 3 else 1e-3)
    found = scripted.run()
    assert found.iterations >= 6
    assert all(turn.seconds >= 4.8e-3 for side in Side for turn in found.turns[side])


def test_long_iterations_go_once_and_without_lead() -> None:
    """Epochs are expensive: each side's first has warmed it up, and none has a lead-in."""
    scripted = Pair(base=lambda n: 0.5, head=lambda n: 0.5)
    found = scripted.run(iterations=1)
    assert found.iterations == 1
    assert {lead for _, lead in scripted.head.rounds} == {0}
    assert len(scripted.head.rounds) == len(scripted.base.rounds) == LIMITS.fewest_blocks


def test_what_takes_long_is_over_in_time() -> None:
    """Epochs of 20 s: as many blocks as end in time, and one at the least, whose epochs are all there are."""
    for until, blocks in ((0.0, 1), (100.0, 1), (250.0, 3), (1e4, LIMITS.fewest_blocks)):
        scripted = Pair(base=lambda n: 20.0, head=lambda n: 20.0)
        found = scripted.run(until=until, readings=("peak_bytes",))
        assert [len(found.turns[side]) for side in Side] == [blocks, blocks]
        assert scripted.clock.now() <= max(until, 100.0)
        assert bool(found.readings[Side.HEAD]) is (until == 1e4)
    again = Pair(base=lambda n: 20.0, head=lambda n: 20.0)
    again.run(iterations=1, until=125.0)
    assert again.clock.now() == 120.0


def test_what_would_not_be_over_in_time_is_given_up_where_it_may_be() -> None:
    """Once both are open it is known that not even one block fits; both are left."""
    scripted = Pair(base=lambda n: 20.0, head=lambda n: 20.0)
    with pytest.raises(RoundsOutOfTime):
        scripted.run(until=75.0, at_least_one=False)
    assert scripted.clock.now() == 40.0
    assert sorted(name for what, name in scripted.log if what == "leave") == ["base", "head"]
    assert len(Pair().run(until=1.0, at_least_one=False).turns[Side.HEAD]) == 16


def test_a_long_first_call_does_not_make_rounds_of_one_iteration() -> None:
    """A compilation of 20 s is not what an iteration takes: the pace is looked for where time is short,
    too."""
    scripted = Pair(base=lambda n: 1e-3, head=lambda n: 1e-3)
    scripted.base.first = scripted.head.first = 20.0
    found = scripted.run(until=40.0)
    assert found.iterations == Pair().run().iterations
    assert len(found.turns[Side.BASE]) == 1


@pytest.mark.parametrize("when", ["enter", "open", "round", "read"])
@pytest.mark.parametrize("side", list(Side))
def test_who_failed_is_named_and_both_are_left(side: Side, when: str) -> None:
    """A side that raises ends the rounds under its own name; both sides are tidied up, in some order,
    once."""
    scripted = Pair(raises=(when, "") if side is Side.BASE else ("", when))
    with pytest.raises(SideFailed, match="boom") as ended:
        scripted.run(readings=("peak_bytes",))
    assert ended.value.side is side
    assert sorted(name for what, name in scripted.log if what == "leave") == ["base", "head"]


def test_readings_are_taken_of_both_where_there_are_any() -> None:
    """What is requested and there is kept with its source; what is not there is left out."""
    found = Pair().run(readings=("peak_bytes", "launches"))
    assert found.readings == {side: {"peak_bytes": (1024.0, "scale")} for side in Side}
    assert Pair().run().readings == {Side.BASE: {}, Side.HEAD: {}}


def test_set_up_order_is_random() -> None:
    """Either side is set up, opened and left first now and then."""
    for what in ("enter", "open", "leave"):
        first = set()
        for seed in range(20):
            scripted = Pair()
            scripted.run(seed)
            first.add(next(name for done, name in scripted.log if done == what))
        assert first == {"base", "head"}
