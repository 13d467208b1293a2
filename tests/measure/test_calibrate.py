"""The pace: warm before it is measured, rounds long enough, efforts kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from harness.measure.calibrate import RoundSize, WarmUp, pace, target_seconds, warm_up
from harness.measure.clock import FakeClock
from harness.measure.limits import RoundLimits
from harness.measure.runner import LONG_ITERATION, Round

LIMITS = RoundLimits()


@dataclass
class Runner:
    """A runner whose n-th call takes ``cost(n)`` seconds."""

    clock: FakeClock
    cost: Callable[[int], float]
    calls: int = 0
    rounds: list[tuple[int, float]] = field(default_factory=list)
    name: str = "runner"

    def run_round(self, iterations: int, lead: int) -> Round:
        """A round by the script."""
        self._run(lead)
        seconds = self._run(iterations)
        self.rounds.append((iterations, seconds))
        return Round(seconds)

    def _run(self, iterations: int) -> float:
        before = self.clock.seconds
        for _ in range(iterations):
            self.clock.advance(self.cost(self.calls))
            self.calls += 1
        return self.clock.seconds - before


def run_in(
    cost: Callable[[int], float], effort: RoundLimits = LIMITS, first: float | None = None
) -> tuple[WarmUp, Runner]:
    """Warm up a variant by script; its first call went before, as in a measurement."""
    runner = Runner(FakeClock(), cost)
    opened = runner.run_round(1, 0).seconds
    return warm_up(runner, opened if first is None else first, effort, runner.clock.now), runner  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [3e-6, 2e-5, 3e-4, 2e-3, 5e-3, 7e-3, 0.05, 0.3])
def test_constant_cost_is_found(seconds: float) -> None:
    """A variant that always takes as long is warm at that time, settled, and its rounds last 5 ms or one
    iteration."""
    warm, runner = run_in(lambda n: seconds)
    assert warm.settled
    assert warm.seconds == pytest.approx(seconds)
    assert pace(warm, target_seconds([seconds], LIMITS), LIMITS).iterations * seconds >= 0.005
    assert runner.clock.seconds < LIMITS.warmup_limit + 7 * max(0.01, seconds)


def test_last_warm_up_rounds_are_full_rounds() -> None:
    """What is called warm was seen in rounds of the length that will be measured."""
    _, runner = run_in(lambda n: 1e-4)
    assert all(seconds >= 0.8 * LIMITS.round_seconds for _, seconds in runner.rounds[-6:])


def test_runs_until_no_longer_faster() -> None:
    """A variant that gets faster over its first 30 calls is warm at its final time, not at an early one."""
    warm, runner = run_in(lambda n: 1e-3 * max(1.0, 10 - 9 * n / 30))
    assert warm.settled
    assert warm.seconds == pytest.approx(1e-3, rel=0.05)
    assert runner.calls > 30


def test_never_settling_is_measured_all_the_same() -> None:
    """A variant that gets faster for ever is stopped at the limit, and not settled."""
    warm, runner = run_in(lambda n: 0.05 * 0.9**n, RoundLimits(warmup_limit=0.3))
    assert not warm.settled
    assert runner.clock.seconds < 0.5


@pytest.mark.parametrize("held_up", [0.05, 0.15, 2.0])
def test_one_slow_call_says_nothing(held_up: float) -> None:
    """A second call that was delayed (autotuning, a neighbour) does not make an iteration of 10 us a long
    one."""
    warm, runner = run_in(lambda n: held_up if n == 1 else 1e-5)
    full = [each for each in runner.rounds if each[1] >= 0.8 * LIMITS.round_seconds][-6:]
    assert held_up > 1.0 or full == runner.rounds[-6:]
    assert held_up > 1.0 or all(iterations > 1 for iterations, _ in full)
    assert warm.seconds == pytest.approx(1e-5, rel=0.01)
    assert pace(warm, target_seconds([warm.seconds], LIMITS), LIMITS).iterations * 1e-5 >= 0.005


def test_two_start_up_calls_say_nothing() -> None:
    """Compiling in the first call and autotuning in the second, both long: the iteration itself is still
    short."""
    warm, _ = run_in(lambda n: {0: 2.0, 1: 0.15}.get(n, 1e-4))
    assert warm.seconds == pytest.approx(1e-4, rel=0.01)


def test_long_iterations_are_repeated_once() -> None:
    """An epoch of a second that takes as long again is not run for the sake of warming up more than once."""
    _, runner = run_in(lambda n: 1.2 if n == 0 else 1.0)
    assert runner.calls == 2


def test_an_epoch_warms_up_the_next() -> None:
    """A loader's first epoch has started its workers: it is not repeated, unless it was shorter than an epoch
    is."""
    warm, runner = run_in(lambda n: 1.2 if n == 0 else 1.0, LIMITS.loader())
    assert (runner.calls, warm.seconds, warm.settled) == (1, 1.2, True)
    _, runner = run_in(lambda n: 0.02, LIMITS.loader())
    assert runner.calls > 1


def test_quick_effort_takes_one_lap() -> None:
    """Limits of nothing (does it run at all?) are one round of one iteration."""
    effort = RoundLimits(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=1, warmup_limit=0.0)
    warm, runner = run_in(lambda n: 1e-6, effort)
    assert runner.calls == 2
    assert pace(warm, target_seconds([warm.seconds], effort), effort).iterations == 1


def test_pace_counts_by_the_quickest() -> None:
    """Rounds are long enough also when the variant runs at its quickest, and cost what it typically takes."""
    found = pace(WarmUp(seconds=2e-3, quickest=1e-3, settled=True), 0.006, LIMITS)
    assert found.iterations == 6
    assert found.lead == 1
    assert found.round_seconds == pytest.approx(7 * 2e-3)


def test_the_slowest_is_not_doubled() -> None:
    """The variant whose iteration sets the common length runs once a round, though its quickest is a bit
    shorter."""
    assert pace(WarmUp(0.02, 0.0199, True), 0.02, LIMITS).iterations == 1
    assert pace(WarmUp(0.008, 0.0079, True), 0.02, LIMITS).iterations == 2


@pytest.mark.parametrize(("iterations", "lead"), [(1, 1), (4, 1), (10, 2), (1024, 204)])
def test_lead_in_is_a_fifth(iterations: int, lead: int) -> None:
    """The lead-in is a fifth of a round and at least one iteration."""
    seconds = 0.0625 / iterations
    assert pace(WarmUp(seconds, seconds, True), 0.0625, LIMITS) == RoundSize(iterations, lead, seconds)


def test_long_iterations_need_no_lead_in() -> None:
    """From 0.1 s an iteration on, a lead-in would only double the price."""
    assert pace(WarmUp(LONG_ITERATION, LONG_ITERATION, True), 0.006, LIMITS).lead == 0
    assert pace(WarmUp(0.099, 0.099, True), 0.006, LIMITS).lead == 1


@pytest.mark.parametrize(
    ("iteration_seconds", "target"),
    [([], 0.006), ([1e-6, 1e-3], 0.006), ([1e-6, 0.01], 0.01), ([1e-6, 0.02], 0.02), ([1e-6, 3.0], 0.025)],
)
def test_rounds_follow_the_slowest(iteration_seconds: list[float], target: float) -> None:
    """Rounds have a length in common: that of the slowest variant's iteration, within 6 and 25 ms."""
    assert target_seconds(iteration_seconds, LIMITS) == pytest.approx(target)


@pytest.mark.parametrize(
    ("share", "block_seconds", "blocks"),
    [(0.6, 0.049, 12), (0.6, 0.001, 30), (0.6, 10.0, 6), (0.0, 0.05, 6), (0.6, 0.0, 30), (0.35, 0.049, 7)],
)
def test_blocks_fit_the_share(share: float, block_seconds: float, blocks: int) -> None:
    """As many blocks as fit the share, within 6 and 30."""
    assert RoundLimits(share=share).blocks(block_seconds) == blocks


@pytest.mark.parametrize(
    ("apart", "block_seconds", "blocks"),
    [(False, 0.18, 8), (False, 1.9, 2), (False, 2.1, 1), (True, 0.5, 6), (True, 3.1, 1)],
)
def test_a_loader_has_as_many_blocks_as_fit(apart: bool, block_seconds: float, blocks: int) -> None:
    """Many where they are windows, two where they are epochs, one where those are long; twice as many in live
    processes, which take long to start."""
    limits = RoundLimits(share=1.5, most_blocks=16).loader()
    assert (limits.apart() if apart else limits).blocks(block_seconds) == blocks
