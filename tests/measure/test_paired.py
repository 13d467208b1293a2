"""A duel: base and head of one variant, round against round. All on a clock by script."""

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
from harness.measure.paired import WARM_ROUNDS, PairedRounds, RoundsOutOfTime, SideFailed, paired_rounds
from harness.measure.runner import Reading, Round
from harness.model import Side

LIMITS = RoundLimits(share=1.0, fewest_blocks=6, most_blocks=16)


@dataclass
class ScriptedRunner:
    """A runner whose n-th lap takes what a script says, an iteration; it notes all that happens to it."""

    name: str
    clock: FakeClock
    cost: Callable[[int], float]
    log: list[tuple[str, str]]
    raises: str = ""
    first: float = 0.0
    laps: list[tuple[int, int]] = field(default_factory=list)

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
        self._do("lap")
        each = self.cost(len(self.laps))
        self.laps.append((iterations, lead))
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
        base: Callable[[int], float] = lambda lap: 1e-3,
        head: Callable[[int], float] = lambda lap: 1e-3,
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
            limits=LIMITS,
            iterations=iterations,
            readings=readings,
            now=self.clock.now,
            random=Random(seed),
            until=until,
            at_least_one=at_least_one,
        )

    def rounds(self, count: int) -> list[str]:
        """Who went round, in the last blocks."""
        return [name for what, name in self.log if what == "lap"][-2 * count :]


def test_both_sides_do_the_same_number_of_iterations() -> None:
    """The base's count is for both: a head twice as slow has rounds twice as long, not half as many iterations."""
    ring = Pair(head=lambda lap: 2e-3)
    fought = ring.run()
    assert len(fought.turns[Side.BASE]) == len(fought.turns[Side.HEAD]) == 16
    assert all(turn.seconds == pytest.approx(2e-3 * fought.iterations) for turn in fought.turns[Side.HEAD])
    assert {iterations for iterations, _ in ring.head.laps} == {fought.iterations}
    assert min(turn.seconds for turn in fought.turns[Side.BASE]) >= 5e-3


@pytest.mark.parametrize("blocks", [6, 7, 16, 31])
def test_the_schedule_is_symmetric_and_random(blocks: int) -> None:
    """Neither side is first more often, over any two neighbouring blocks; the order differs from seed to seed."""
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
    ring = Pair()
    blocks = len(ring.run().turns[Side.BASE])
    rounds = ring.rounds(blocks)
    fours = [rounds[index : index + 4] for index in range(0, len(rounds), 4)]
    assert all(four in (["base", "head", "head", "base"], ["head", "base", "base", "head"]) for four in fours)
    assert len({tuple(four) for four in fours}) == 2


def test_it_is_known_when_each_block_took_place() -> None:
    """A stretch a block, one after the other, as long as its two rounds; those that were played again are gone."""
    for ring in (Pair(), Pair(base=lambda lap: 8e-3 if lap < 9 else 1e-3, head=lambda lap: 8e-3 if lap < 3 else 1e-3)):
        fought = ring.run()
        assert len(fought.blocks) == len(fought.turns[Side.BASE])
        rounds = zip(*(fought.turns[side] for side in Side), strict=True)
        for (start, end), pair in zip(fought.blocks, rounds, strict=True):
            assert end - start == pytest.approx(sum(turn.seconds for turn in pair))
        assert sorted(fought.blocks) == list(fought.blocks)
        assert fought.blocks[-1][1] == ring.clock.now()


def test_a_known_count_is_not_looked_for_again() -> None:
    """In later units a few rounds warm each side up, and the count stays."""
    ring = Pair()
    fought = ring.run(iterations=7)
    assert fought.iterations == 7
    warming = [(7, 7 * (WARM_ROUNDS - 1))]
    assert ring.base.laps[:2] == [(7, 0), *warming]  # the base's first lap says how long a block will take
    assert ring.head.laps[:1] == warming
    assert {*ring.base.laps[2:], *ring.head.laps[1:]} == {(7, 0)}


def test_a_base_that_was_held_up_gets_longer_rounds() -> None:
    """Blocks with rounds far too short are played again with more iterations, on both sides."""
    ring = Pair(base=lambda lap: 8e-3 if lap < 9 else 1e-3, head=lambda lap: 8e-3 if lap < 3 else 1e-3)
    fought = ring.run()
    assert fought.iterations >= 6
    assert all(turn.seconds >= 4.8e-3 for side in Side for turn in fought.turns[side])


def test_long_iterations_go_once_and_without_lead() -> None:
    """Epochs are dear: each side's first has warmed it up, and none has a lead-in."""
    ring = Pair(base=lambda lap: 0.5, head=lambda lap: 0.5)
    fought = ring.run(iterations=1)
    assert fought.iterations == 1
    assert {lead for _, lead in ring.head.laps} == {0}
    assert len(ring.head.laps) == len(ring.base.laps) == LIMITS.fewest_blocks


def test_what_takes_long_is_over_in_time() -> None:
    """Epochs of 20 s: as many blocks as end in time, and one at the least, whose epochs are all there are."""
    for until, blocks in ((0.0, 1), (100.0, 1), (250.0, 3), (1e4, LIMITS.fewest_blocks)):
        ring = Pair(base=lambda lap: 20.0, head=lambda lap: 20.0)
        fought = ring.run(until=until, readings=("peak_bytes",))
        assert [len(fought.turns[side]) for side in Side] == [blocks, blocks]
        assert ring.clock.now() <= max(until, 100.0)
        assert bool(fought.readings[Side.HEAD]) is (until == 1e4)
    again = Pair(base=lambda lap: 20.0, head=lambda lap: 20.0)
    again.run(iterations=1, until=125.0)
    assert again.clock.now() == 120.0


def test_what_would_not_be_over_in_time_is_given_up_where_it_may_be() -> None:
    """Once both are open it is known that not even one block fits; both are left."""
    ring = Pair(base=lambda lap: 20.0, head=lambda lap: 20.0)
    with pytest.raises(RoundsOutOfTime):
        ring.run(until=75.0, at_least_one=False)
    assert ring.clock.now() == 40.0
    assert sorted(name for what, name in ring.log if what == "leave") == ["base", "head"]
    assert len(Pair().run(until=1.0, at_least_one=False).turns[Side.HEAD]) == 16


def test_a_long_first_call_does_not_make_rounds_of_one_iteration() -> None:
    """A compilation of 20 s is not what an iteration takes: the pace is looked for where time is short, too."""
    ring = Pair(base=lambda lap: 1e-3, head=lambda lap: 1e-3)
    ring.base.first = ring.head.first = 20.0
    fought = ring.run(until=40.0)
    assert fought.iterations == Pair().run().iterations
    assert len(fought.turns[Side.BASE]) == 1


@pytest.mark.parametrize("when", ["enter", "open", "lap", "read"])
@pytest.mark.parametrize("side", list(Side))
def test_who_failed_is_named_and_both_are_left(side: Side, when: str) -> None:
    """A side that raises ends the duel under its own name; both sides are tidied up, in some order, once."""
    ring = Pair(raises=(when, "") if side is Side.BASE else ("", when))
    with pytest.raises(SideFailed, match="boom") as ended:
        ring.run(readings=("peak_bytes",))
    assert ended.value.side is side
    assert sorted(name for what, name in ring.log if what == "leave") == ["base", "head"]


def test_readings_are_taken_of_both_where_there_are_any() -> None:
    """What is asked for and there is kept with its source; what is not there is left out."""
    fought = Pair().run(readings=("peak_bytes", "launches"))
    assert fought.readings == {side: {"peak_bytes": (1024.0, "scale")} for side in Side}
    assert Pair().run().readings == {Side.BASE: {}, Side.HEAD: {}}


def test_set_up_order_is_random() -> None:
    """Either side is set up, opened and left first now and then."""
    for what in ("enter", "open", "leave"):
        first = set()
        for seed in range(20):
            ring = Pair()
            ring.run(seed)
            first.add(next(name for done, name in ring.log if done == what))
        assert first == {"base", "head"}
