"""A measurement: correctness first, then blocks in random order; only what fails leaves. All on a scripted
clock."""

from __future__ import annotations

import gc
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise, permutations
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from harness import probes
from harness.measure import case as measuring
from harness.measure import counting
from harness.measure.case import MeasureOptions
from harness.measure.clock import Elapsed, FakeClock
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.failure import failure
from harness.measure.limits import RoundLimits
from harness.measure.local_runner import LocalRunner
from harness.measure.memory import MemoryPass
from harness.measure.runner import Round
from harness.measure.session import SessionOptions, run_session
from harness.measure.spec import BenchmarkSpec
from harness.measure.state import BaselineFailed
from harness.measure.variant import Unavailable, Variant, as_variant, prepared, variant
from harness.model import BASELINE, CaseWarning, Claim, Expect, Status, Trial, WarningCode, Work
from harness.probes import ALLOCATOR, NoSnapshot
from harness.workers.client import WorkerFailed
from tests.support.devices import device_of

pytestmark = pytest.mark.usefixtures("set_aside")

NAMES = (BASELINE, "tip", "trick")
STAGES = ("setting up", "first call", "warming up", "blocks")


@dataclass
class Result:
    """What an iteration gives: a value to agree on, and readings of its own."""

    value: float
    readings: Mapping[str, float] = field(default_factory=dict)


class RoundsClock(FakeClock):
    """A fake clock that keeps every timed round: who ran, how often, how long."""

    def __init__(self) -> None:
        super().__init__()
        self.running = ""
        self.rounds: list[tuple[str, int, float]] = []

    def lap(self, work: Callable[[], object], iterations: int) -> Elapsed:
        """As the fake clock's, remembered."""
        lap = super().lap(work, iterations)
        self.rounds.append((self.running, iterations, lap.seconds))
        return lap


@dataclass
class Stage:
    """A measurement by script: variants with a cost a call, and a log of everything that happens to them."""

    clock: RoundsClock = field(default_factory=RoundsClock)
    log: list[tuple[str, str]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    runners: list[LocalRunner] = field(default_factory=list)
    warnings: list[CaseWarning] = field(default_factory=list)

    def add(
        self,
        name: str,
        seconds: float | Callable[[int], float] = 1e-3,
        result: Callable[[int], Any] = lambda call: Result(1.0),
        around: Callable[[], AbstractContextManager[object]] | None = None,
        setting_up: Callable[[], object] = lambda: None,
    ) -> None:
        """A variant whose n-th call takes that many seconds and gives that result."""

        def iteration() -> object:
            call = self.calls[name]
            self.calls[name] += 1
            self.clock.running = name
            self.clock.advance(seconds(call) if callable(seconds) else seconds)
            return result(call)

        @contextmanager
        def prepare() -> Iterator[Callable[[], object]]:
            setting_up()
            self.log.append(("enter", name))
            try:
                yield iteration
            finally:
                self.log.append(("leave", name))

        given = Variant(prepare, around) if around else Variant(prepare)
        self.runners.append(LocalRunner(name, given, self.clock, device_of("cpu")))

    def run(self, seed: int = 0, limits: RoundLimits | None = None, **more: Any) -> dict[str, Trial]:
        """The trials by name."""
        trials, self.warnings = run_session(
            self.runners,
            more.pop("agreement", Agreement(lambda expected, got: expected.value == got.value)),
            reference=more.pop("reference", None),
            expect=dict.fromkeys((runner.name for runner in self.runners), Expect.LOWER),
            blocks=more.pop("blocks", None),
            options=SessionOptions(limits or RoundLimits(share=0.2), self.clock.now, Random(seed), **more),
        )
        return {trial.variant: trial for trial in trials}

    def of(self, event: str) -> list[str]:
        """The names the event happened to, in order."""
        return [name for kind, name in self.log if kind == event]

    def blocks(self, trials: Mapping[str, Trial]) -> list[tuple[str, int, float]]:
        """The rounds that were timed in blocks: the last ones."""
        kept = sum(len(trial.samples["seconds"]) for trial in trials.values() if trial.samples)
        return self.clock.rounds[len(self.clock.rounds) - kept :]


def stage_of(**costs: float) -> Stage:
    """A stage of variants with constant costs."""
    stage = Stage()
    for name, seconds in costs.items():
        stage.add(name, seconds)
    return stage


def explode(call: int = 0) -> Any:
    raise RuntimeError("boom\nand more")


class Counted(LocalRunner):
    """A runner that counts how often it is left."""

    times = 0

    def teardown(self) -> None:
        """Once more."""
        self.times += 1
        super().teardown()


def failing_at(stage: Stage, name: str, when: str) -> None:
    """A variant that raises while it is set up, at its first call, while it warms up, or in the midst of the
    blocks."""

    def result(call: int) -> Result:
        if when == "first call" or (when == "warming up" and call == 9):
            explode()
        if when == "blocks" and stage.calls[name] > 85:
            explode()
        return Result(1.0)

    stage.add(name, 1e-3, result, setting_up=explode if when == "setting up" else lambda: None)


# --- what comes out -----------------------------------------------------------------------------------------


def test_costs_come_out_as_samples() -> None:
    """Every sample is the seconds of one iteration, whatever the number of iterations in a round."""
    trials = stage_of(baseline=1e-3, tip=3e-4, trick=0.04).run()
    for name, seconds in (("baseline", 1e-3), ("tip", 3e-4), ("trick", 0.04)):
        assert trials[name].status is Status.MEASURED
        assert trials[name].samples["seconds"] == pytest.approx(
            (seconds,) * len(trials[name].samples["seconds"])
        )
    assert list(trials) == list(NAMES)


def test_a_block_keeps_what_happened_in_it() -> None:
    """Equal index is the same block: time that changes from block to block changes in all variants alike."""
    stage = Stage()
    for name in NAMES:
        stage.add(
            name, lambda call: 0.2 if stage.clock.seconds < 5.0 else 0.2 * (1 + stage.clock.seconds // 1.0)
        )
    trials = stage.run()
    rows = [trials[name].samples["seconds"] for name in NAMES]
    for block in zip(*rows, strict=True):
        assert max(block) - min(block) <= 0.2 * 3


@pytest.mark.parametrize("seconds", [1e-5, 3e-4, 4e-3, 7e-3])
def test_rounds_last_five_milliseconds(seconds: float) -> None:
    """No timed round is shorter than 5 ms."""
    stage = stage_of(baseline=seconds, tip=seconds / 3)
    trials = stage.run()
    assert min(length for _, _, length in stage.blocks(trials)) >= 0.005


@pytest.mark.parametrize(("slow", "common"), [(0.02, 0.02), (0.2, 0.025)])
def test_rounds_of_unequal_variants_are_of_similar_length(slow: float, common: float) -> None:
    """Beside a variant 1000 times slower, the fast one's rounds grow to its length, up to 25 ms."""
    stage = stage_of(baseline=slow / 1000, tip=slow)
    trials = stage.run()
    fast = [length for name, _, length in stage.blocks(trials) if name == BASELINE]
    assert fast == pytest.approx([common] * len(fast), rel=0.02)
    assert trials["tip"].iterations == 1


@pytest.mark.parametrize(("share", "blocks"), [(0.0, 6), (0.2, 13), (9.0, 30)])
def test_blocks_follow_the_share(share: float, blocks: int) -> None:
    """As many blocks as the share pays for, lead-ins included, within 6 and 30."""
    trials = stage_of(baseline=1e-3, tip=1e-3).run(limits=RoundLimits(share=share))
    assert {len(trial.samples["seconds"]) for trial in trials.values()} == {blocks}


def test_blocks_end_with_their_time_limit() -> None:
    """A machine that gets a hundred times slower in the blocks is not followed to the thirtieth, but to the
    sixth."""
    stage = Stage()
    for name in (BASELINE, "tip"):
        stage.add(name, lambda call: 1e-3 if call < 70 else 0.1)
    trials = stage.run(limits=RoundLimits(share=9.0))
    assert 6 <= len(trials["tip"].samples["seconds"]) < 10


def test_each_block_that_counts_has_its_moments() -> None:
    """As many stretches as rounds of a variant, in order, each as long as the block's rounds and their
    lead-ins."""
    stage = stage_of(baseline=1e-3, tip=2e-3)
    blocks: list[tuple[float, float]] = [(0.0, 0.0)]
    trials = stage.run(blocks=blocks)
    assert len(blocks) == len(trials["tip"].samples["seconds"])
    assert all(start < end for start, end in blocks)
    assert all(end <= later for (_, end), (later, _) in pairwise(blocks))
    timed = sum(trial.samples["seconds"][0] * trial.iterations for trial in trials.values())
    assert timed <= blocks[0][1] - blocks[0][0] < 1.5 * timed


@pytest.mark.parametrize("held_up", [8, 12, 14])
def test_rounds_that_turn_out_short_start_the_blocks_anew(held_up: int) -> None:
    """A variant delayed while it warmed up gets more iterations; no round of the hasty start is kept."""
    stage = Stage()
    stage.add(BASELINE, 1e-3)
    stage.add("tip", lambda call: 8e-3 if call < held_up else 1e-3)
    trials = stage.run(limits=RoundLimits(share=0.0))
    assert trials["tip"].iterations >= 6
    assert trials["tip"].samples["seconds"] == pytest.approx((1e-3,) * 6)
    assert len(trials[BASELINE].samples["seconds"]) == 6
    assert all(seconds >= 0.8 * 6e-3 for _, _, seconds in stage.blocks(trials))


def test_a_variant_ever_faster_is_measured_all_the_same() -> None:
    """After some starts the blocks go on with rounds as they are."""
    stage = Stage()
    stage.add(BASELINE, 1e-3)
    stage.add("tip", lambda call: 8e-3 if call < 12 else 2e-3 if call < 20 else 1e-4 if call < 90 else 1e-5)
    trials = stage.run(limits=RoundLimits(share=0.0))
    assert len(trials["tip"].samples["seconds"]) == 6


def test_warming_up_is_not_in_the_samples() -> None:
    """A variant that gets faster over its first calls has only its final time in the samples, the rest is
    reported."""
    stage = stage_of(baseline=1e-3)
    stage.add("tip", lambda call: 0.5 if call == 0 else 1e-3 * max(1.0, 20 - call / 2))
    trial = stage.run()["tip"]
    assert trial.samples["seconds"] == pytest.approx((1e-3,) * len(trial.samples["seconds"]))
    assert trial.first_seconds == pytest.approx(0.5)
    slow = sum(1e-3 * max(1.0, 20 - call / 2) for call in range(1, 40))
    assert trial.warmup_seconds > 0.5 + slow


def test_never_settling_is_reported() -> None:
    """A variant that is still getting faster when the warm-up ends is measured, with a warning that names
    it."""
    stage = stage_of(baseline=1e-3)
    stage.add("tip", lambda call: 0.04 * 0.97**call)
    assert stage.run(limits=RoundLimits(share=0.0, warmup_limit=0.5))["tip"].status is Status.MEASURED
    assert CaseWarning(WarningCode.NOT_STEADY, "tip", seconds=0.5) in stage.warnings


class Windowed:
    """An iteration whose rounds are windows: the n-th takes so long, and has these warnings."""

    def __init__(
        self, stage: Stage, name: str, seconds: Callable[[int], float], warnings: tuple[WarningCode, ...]
    ) -> None:
        self.stage, self.name, self.seconds, self.warnings = stage, name, seconds, warnings
        self.window_seconds = 0.5
        self.rounds = 0

    def __call__(self) -> Result:
        """The first call."""
        self.stage.clock.advance(0.9)
        self.stage.log.append(("call", self.name))
        return Result(1.0)

    def window(self, cpu_seconds: Callable[[], float]) -> Round:
        """A round."""
        self.stage.log.append(("window", self.name))
        self.stage.clock.advance(self.seconds(self.rounds))
        self.rounds += 1
        return Round(self.seconds(self.rounds - 1), None, {"wait_seconds": 0.25}, 2.0, self.warnings)


def windows_of(*warnings: WarningCode, slow: float = 0.4) -> Stage:
    """Two variants in windows, the second of which is slow once, and warns."""
    stage = Stage()
    for name, given, seconds in (
        (BASELINE, (), lambda number: 0.4),
        ("tip", warnings, lambda number: slow if number == 1 else 0.2),
    ):
        made = prepared(partial(Windowed, stage, name, seconds, given))
        stage.runners.append(LocalRunner(name, made, stage.clock, device_of("cpu")))
    return stage


def test_windows_are_neither_calibrated_nor_warmed_up() -> None:
    """After the first call come the blocks at once, two for a loader; a sample is of one iteration's
    work."""
    stage = windows_of()
    trials = stage.run(limits=RoundLimits(share=0.0).loader())
    assert stage.of("call") == stage.of("call")[:2] and sorted(stage.of("call")) == [BASELINE, "tip"]
    assert Counter(stage.of("window")) == {BASELINE: 2, "tip": 2}
    assert trials[BASELINE].samples == {"seconds": (0.2,) * 2, "wait_seconds": (0.25,) * 2}
    assert trials["tip"].samples["seconds"] == (0.1, 0.2)
    assert trials["tip"].first_seconds == trials["tip"].warmup_seconds == pytest.approx(0.9)


def test_what_windows_warn_of_is_said_once() -> None:
    """Each warning of its rounds once for the variant, and one for windows that are far from alike."""
    stage = windows_of(WarningCode.WINDOW_CUT, WarningCode.STILL_WORKING, slow=0.29)
    stage.run(limits=RoundLimits(share=0.0).loader())
    codes = (WarningCode.WINDOW_CUT, WarningCode.STILL_WORKING)
    assert stage.warnings == [CaseWarning(code, "tip") for code in codes]
    stage = windows_of(slow=0.31)
    stage.run(limits=RoundLimits(share=0.0).loader())
    assert stage.warnings == [CaseWarning(WarningCode.UNSTEADY_WINDOWS, "tip")]


def test_one_window_in_four_may_be_slow() -> None:
    """A neighbour of a moment makes no variant unsteady; with few windows, one says so."""
    stage = windows_of(slow=0.5)
    stage.run(limits=RoundLimits(share=0.0, fewest_blocks=4, most_blocks=4))
    assert not stage.warnings


def test_readings_are_kept_block_by_block() -> None:
    """A result's own readings are kept for the last iteration of each round."""
    stage = stage_of(baseline=0.2)
    stage.add("tip", 0.2, lambda call: Result(1.0, {"wait_seconds": float(call)}))
    trials = stage.run(limits=RoundLimits(share=0.0))
    assert trials["tip"].samples["wait_seconds"] == (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    assert set(trials[BASELINE].samples) == {"seconds"}


def test_a_reading_missing_in_one_round_is_not_made_up() -> None:
    """A reading that some rounds lack is left out: no round gets a zero that was never read."""
    stage = stage_of(baseline=0.2)
    stage.add("tip", 0.2, lambda call: Result(1.0, {} if call % 2 else {"wait_seconds": 0.1}))
    assert "wait_seconds" not in stage.run()["tip"].samples


def test_a_reading_cannot_take_the_place_of_the_time() -> None:
    """A result's own ``seconds`` never replaces what the clock took."""
    stage = stage_of(baseline=0.2)
    stage.add("tip", 0.2, lambda call: Result(1.0, {"seconds": 1e-9}))
    assert stage.run()["tip"].samples["seconds"] == pytest.approx((0.2,) * 6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_reading_that_is_no_number_fails_its_variant(value: float) -> None:
    """NaN cannot be recorded: the variant fails with the name of the reading, the others go on."""
    stage = stage_of(baseline=0.2, trick=0.2)
    stage.add("tip", 0.2, lambda call: Result(1.0, {"wait_seconds": value if call > 4 else 0.0}))
    trials = stage.run()
    assert trials["tip"].status is Status.FAILED
    assert "wait_seconds" in trials["tip"].reason
    assert trials["trick"].status is Status.MEASURED


def test_host_seconds_are_per_iteration() -> None:
    """Where the clock has the host's share, it is kept beside the time, per iteration."""

    class TwoTimes(RoundsClock):
        def lap(self, work: Callable[[], object], iterations: int) -> Elapsed:
            found = super().lap(work, iterations)
            return Elapsed(found.seconds, found.seconds / 4, found.result)

    stage = Stage(clock=TwoTimes())
    for name in (BASELINE, "tip"):
        stage.add(name, 1e-3)
    trials = stage.run()
    assert trials["tip"].samples["host_seconds"] == pytest.approx(
        (2.5e-4,) * len(trials["tip"].samples["seconds"])
    )


# --- order --------------------------------------------------------------------------------------------------


def test_set_up_in_random_order() -> None:
    """Over the seeds the variants are set up in each of their six orders, the baseline first or not."""
    seen: Counter[tuple[str, ...]] = Counter()
    for seed in range(80):
        stage = stage_of(baseline=0.2, tip=0.2, trick=0.2)
        stage.run(seed, RoundLimits(share=0.0, fewest_blocks=1))
        seen[tuple(stage.of("enter"))] += 1
    assert set(seen) == set(permutations(NAMES))


def test_first_calls_in_random_order_and_all_of_them_checked() -> None:
    """Over the seeds the variants are first called in each of their orders; a wrong one is found wherever it
    comes."""
    seen: Counter[tuple[str, ...]] = Counter()
    for seed in range(80):
        stage = Stage()
        order: list[str] = []
        for name in NAMES:

            def result(call: int, name: str = name, order: list[str] = order) -> Result:
                if not call:
                    order.append(name)
                return Result(2.0 if name == "tip" else 1.0)

            stage.add(name, 0.2, result)
        trials = stage.run(seed, RoundLimits(share=0.0, fewest_blocks=1))
        assert trials["tip"].status is Status.WRONG
        assert trials["tip"].samples == {}
        assert trials["trick"].status is Status.MEASURED
        seen[tuple(order)] += 1
    assert set(seen) == set(permutations(NAMES))


def test_rounds_in_random_order() -> None:
    """Every block has its own random order, all six occur, and another seed gives other blocks."""
    played = []
    for seed in (1, 2):
        stage = stage_of(baseline=5e-3, tip=5e-3, trick=5e-3)
        order = [name for name, _, _ in stage.blocks(stage.run(seed, RoundLimits(share=9.0)))]
        blocks = [tuple(order[index : index + 3]) for index in range(0, len(order), 3)]
        assert len(blocks) == 30
        assert set(blocks) == set(permutations(NAMES))
        played.append(blocks)
    assert played[0] != played[1]


# --- around, and garbage ------------------------------------------------------------------------------------


def test_around_is_open_in_lead_in_and_round_and_costs_nothing() -> None:
    """A variant's context is open in its every call and in no other's, is opened once a round, and is not
    timed."""
    stage = Stage()
    opened: list[float] = []
    is_open: list[bool] = [False]

    @contextmanager
    def around() -> Iterator[None]:
        assert not is_open[0]
        stage.clock.advance(7.0)
        opened.append(stage.clock.seconds)
        is_open[0] = True
        yield
        is_open[0] = False
        stage.clock.advance(7.0)

    def seen(expected: bool) -> Callable[[int], Result]:
        def result(call: int) -> Result:
            assert is_open[0] is expected
            return Result(1.0)

        return result

    stage.add(BASELINE, 1e-3, seen(False))
    stage.add("tip", 1e-3, seen(True), around)
    trials = stage.run(limits=RoundLimits(share=0.0))
    assert trials["tip"].samples["seconds"] == pytest.approx((1e-3,) * 6)
    assert trials["tip"].first_seconds == pytest.approx(1e-3)
    assert trials["tip"].iterations > 1
    rounds = sum(name == "tip" for name, _, _ in stage.clock.rounds)
    assert len(opened) == rounds + 1  # each round once, and the very first call


def test_lead_in_of_the_same_variant() -> None:
    """Each round in the blocks follows a fifth of a round of the same variant, untimed."""
    stage = stage_of(baseline=1e-3, tip=1e-3)
    trials = stage.run(limits=RoundLimits(share=0.0))
    timed = sum(iterations for name, iterations, _ in stage.clock.rounds if name == "tip")
    assert trials["tip"].iterations == 6
    assert stage.calls["tip"] == 1 + timed + 6 * 1


@pytest.mark.parametrize(("cost", "again"), [(1e-3, 5), (0.2, 0)])
def test_a_stopped_process_is_rewarmed(cost: float, again: int) -> None:
    """Before each round in a live process the variant runs for a while, untimed; one as long as an epoch does
    not."""
    clock = FakeClock()
    calls: list[int] = []

    def iteration() -> None:
        calls.append(1)
        clock.advance(cost)

    runner = LocalRunner("tip", variant(iteration), clock, device_of("cpu"), rewarm=0.0045)
    runner.setup()
    runner.first_call()
    assert runner.run_round(2, 0).seconds == pytest.approx(2 * cost)
    assert len(calls) == 1 + again + 2


def test_threads_are_settled_between_lead_in_and_round() -> None:
    """A lead-in may start threads; they are in their places when the round starts."""
    happened: list[str] = []
    runner = LocalRunner(
        "tip",
        variant(lambda: happened.append("call")),
        FakeClock(),
        device_of("cpu"),
        settle=lambda: happened.append("settle"),
    )
    runner.setup()
    runner.run_round(2, 1)
    assert happened == ["call", "settle", "call", "call"]


def test_garbage_collection_is_off_in_the_blocks_only() -> None:
    """No collection falls into a block; afterwards it is as it was, also when it had been off before."""
    for before in (True, False):
        stage = Stage()
        seen: list[bool] = []
        for name in (BASELINE, "tip"):

            def result(call: int, seen: list[bool] = seen) -> Result:
                seen.append(gc.isenabled())
                return Result(1.0)

            stage.add(name, 0.2, result)
        (gc.enable if before else gc.disable)()
        try:
            stage.run(limits=RoundLimits(share=0.0))
            assert gc.isenabled() is before
        finally:
            gc.enable()
        assert seen[:4] == [before] * 4
        assert seen[-12:] == [False] * 12


def test_garbage_collection_comes_back_after_an_interrupt() -> None:
    """Ctrl-C in the midst of a block leaves garbage collection on."""
    stage = stage_of(baseline=0.2)
    stage.add("tip", 0.2, lambda call: interrupt() if call == 5 else Result(1.0))
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert gc.isenabled()


# --- who leaves, and when -----------------------------------------------------------------------------------


def interrupt(call: int = 0) -> Any:
    raise KeyboardInterrupt


def test_wrong_variants_are_never_timed() -> None:
    """A variant whose result differs is called once, never timed, and left once."""
    stage = stage_of(baseline=1e-3, trick=1e-3)
    stage.add("tip", 1e-3, lambda call: Result(2.0))
    for runner in stage.runners:
        runner.__class__ = Counted
    trials = stage.run()
    assert [runner.times for runner in stage.runners] == [1, 1, 1]  # type: ignore[attr-defined]
    assert trials["tip"].status is Status.WRONG
    assert trials["tip"].samples == {}
    assert stage.calls["tip"] == 1
    assert "tip" not in {name for name, _, _ in stage.clock.rounds}
    assert trials["trick"].status is Status.MEASURED


def test_a_dropped_variant_is_left_at_once() -> None:
    """The workers of a variant that is out of the measurement do not go on working in the rounds of
    others."""
    stage = Stage()
    open_ones: list[set[str]] = []

    def result(call: int) -> Result:
        open_ones.append(set(stage.of("enter")) - set(stage.of("leave")))
        return Result(1.0)

    stage.add(BASELINE, 1e-3, result)
    stage.add("tip", 1e-3, lambda call: Result(2.0))
    stage.add("trick", 1e-3, lambda call: explode() if call > 90 else Result(1.0))
    stage.run(limits=RoundLimits(share=9.0))
    assert open_ones[-1] == {BASELINE}
    first_round = next(index for index, (name, _, _) in enumerate(stage.clock.rounds) if name == BASELINE)
    assert first_round < len(stage.clock.rounds)
    assert "tip" not in open_ones[1]  # the baseline's second call is the first of its warm-up
    assert sorted(stage.of("leave")) == sorted(NAMES)


@pytest.mark.parametrize("when", STAGES)
def test_a_raising_variant_leaves_alone(when: str) -> None:
    """Whenever a variant raises, it fails with what it raised, and the others have all their blocks."""
    stage = stage_of(baseline=1e-3, trick=1e-3)
    failing_at(stage, "tip", when)
    trials = stage.run(limits=RoundLimits(share=9.0))
    assert trials["tip"].status is Status.FAILED
    assert re.fullmatch(r"test_session\.py:\d+: RuntimeError: boom", trials["tip"].reason)
    assert trials["tip"].samples == {}
    lengths = {len(trials[name].samples["seconds"]) for name in (BASELINE, "trick")}
    assert lengths == {30}
    assert sorted(set(stage.of("leave"))) == sorted(set(stage.of("enter")))


def test_a_lost_block_is_lost_for_all() -> None:
    """The block in which a variant raises counts for no variant: equal index stays the same block."""
    for seed in range(12):
        stage = Stage()
        rounds = Counter[str]()

        def tagged(name: str, stage: Stage = stage, rounds: Counter[str] = rounds) -> Callable[[int], Result]:
            def result(call: int) -> Result:
                rounds["all"] += 1
                if name == "trick" and call == 6:
                    explode()
                return Result(1.0, {"tag": float(rounds["all"])})

            return result

        for name in NAMES:
            stage.add(name, 0.2, tagged(name))
        trials = stage.run(seed, RoundLimits(share=0.0))
        tags = [trials[name].samples["tag"] for name in (BASELINE, "tip")]
        assert len(tags[0]) == 6
        assert all(abs(one - other) <= 2 for one, other in zip(*tags, strict=True))


@pytest.mark.parametrize("when", STAGES)
def test_a_failing_baseline_ends_the_contest(when: str) -> None:
    """Without a baseline there is nothing to compare with; everybody is left."""
    stage = stage_of(tip=1e-3, trick=1e-3)
    failing_at(stage, BASELINE, when)
    with pytest.raises(BaselineFailed, match="boom") as caught:
        stage.run(limits=RoundLimits(share=9.0))
    assert caught.value.status is Status.FAILED
    assert sorted(stage.of("leave")) == sorted(stage.of("enter"))


def test_a_baseline_that_fails_is_not_waited_for() -> None:
    """Once the baseline has failed in the blocks no other variant goes another round."""
    stage = stage_of(tip=1e-3)
    failing_at(stage, BASELINE, "blocks")
    with pytest.raises(BaselineFailed):
        stage.run(limits=RoundLimits(share=9.0))
    last = max(index for index, (name, _, _) in enumerate(stage.clock.rounds) if name == BASELINE)
    assert len(stage.clock.rounds) - last <= 3


def test_running_out_of_time_is_not_failing() -> None:
    """A TimeoutError of a variant is `timed out`."""

    def late(call: int) -> Any:
        raise TimeoutError("no answer in 5 s")

    stage = stage_of(baseline=1e-3)
    stage.add("tip", 1e-3, late)
    trial = stage.run()["tip"]
    assert (trial.status, trial.reason) == (Status.TIMED_OUT, "no answer in 5 s")


@pytest.mark.parametrize("when", STAGES)
def test_everybody_is_left_on_interrupt(when: str) -> None:
    """Ctrl-C, whenever it comes, tidies up every variant once that was set up, and passes through."""
    stage = stage_of(baseline=1e-3, trick=1e-3)
    calls = {"first call": 0, "warming up": 9, "blocks": 85}.get(when, -1)
    stage.add(
        "tip",
        1e-3,
        lambda call: interrupt() if call == calls else Result(1.0),
        setting_up=interrupt if when == "setting up" else lambda: None,
    )
    with pytest.raises(KeyboardInterrupt):
        stage.run(limits=RoundLimits(share=9.0))
    assert sorted(stage.of("leave")) == sorted(stage.of("enter"))


def test_failing_to_tidy_up_is_a_warning() -> None:
    """What a variant raises while it is left costs it nothing but a warning."""

    @contextmanager
    def factory() -> Iterator[Callable[[], Result]]:
        def iteration() -> Result:
            stage.clock.advance(0.2)
            return Result(1.0)

        yield iteration
        explode()

    stage = stage_of(baseline=0.2)
    stage.runners.append(LocalRunner("tip", prepared(factory), stage.clock, device_of("cpu")))
    assert stage.run()["tip"].status is Status.MEASURED
    assert stage.warnings == [CaseWarning(WarningCode.NOT_TORN_DOWN, "tip", "RuntimeError: boom")]


# --- agreement ----------------------------------------------------------------------------------------------


def test_a_reference_takes_the_place_of_the_baseline() -> None:
    """With a reference everything is compared with it, the baseline too, and the readings are kept."""

    def same(expected: Result, got: Result) -> Mapping[str, float]:
        return {"max_relative_error": abs(got.value - expected.value)}

    stage = stage_of(baseline=0.2)
    stage.add("tip", 0.2, lambda call: Result(1.5))
    trials = stage.run(agreement=Agreement(same), reference=lambda: Result(1.25))
    assert trials[BASELINE].exact == {"max_relative_error": 0.25}
    assert trials["tip"].exact == {"max_relative_error": 0.25}
    assert trials["tip"].sources["max_relative_error"]


def test_a_wrong_baseline_is_wrong() -> None:
    """A baseline that disagrees with the reference ends the measurement as wrong."""
    with pytest.raises(BaselineFailed) as caught:
        stage_of(baseline=0.2, tip=0.2).run(reference=lambda: Result(9.0))
    assert caught.value.status is Status.WRONG


@pytest.mark.parametrize("answer", [True, None, {}, {"error": 0}])
def test_agreeing(answer: Any) -> None:
    """True, None and readings agree."""
    assert Agreement(lambda expected, got: answer).check(1) == (
        {"error": 0.0} if answer == {"error": 0} else {}
    )


def test_disagreeing() -> None:
    """False and AssertionError disagree, and the message is the assertion's first lines."""
    with pytest.raises(WrongResult, match="differs from the baseline"):
        Agreement(lambda expected, got: False, 2).check(1)

    def assertive(expected: object, got: object) -> None:
        raise AssertionError("\n\nTensor-likes are not close!\n\n  Mismatched: 1 / 3\nmore\neven more")

    with pytest.raises(WrongResult, match=r"^Tensor-likes are not close!; Mismatched: 1 / 3; more$"):
        Agreement(assertive, 2).check(1)


@pytest.mark.parametrize("error", [math.nan, math.inf, -math.inf])
def test_an_error_that_is_no_number_disagrees(error: float) -> None:
    """A result full of NaN has an error of NaN: that is wrong, and could not be recorded."""
    with pytest.raises(WrongResult, match="max_relative_error"):
        Agreement(lambda expected, got: {"max_relative_error": error}).check(1)


def test_a_workers_error_is_named_not_its_wrapping() -> None:
    """Of an error that carries a traceback of another process, the line that counts is the last."""
    wrapped = (
        "Caught DataError in worker 0.\nTraceback (most recent call last):\n"
        "  File x\nDataError: a.jpg is broken\n"
    )
    assert failure(RuntimeError(wrapped)) == "DataError: a.jpg is broken"
    assert failure(ValueError("no\nsecond line")) == "ValueError: no"
    assert failure(KeyboardInterrupt()) == "KeyboardInterrupt"


# --- memory -------------------------------------------------------------------------------------------------


class Weighed(LocalRunner):
    """A runner whose peak is known."""

    def read(self, metric: str) -> tuple[float, str] | None:
        """A number, or what went wrong."""
        if metric != "peak_bytes":
            return None
        return explode() if self.name == "trick" else (4096.0, "scale")


def test_memory_is_weighed_after_the_blocks() -> None:
    """If requested, the peak of each measured variant is read; a probe that fails is a warning, not a
    failure."""
    stage = stage_of(baseline=0.2, tip=0.2, trick=0.2)
    stage.add("wrong", 0.2, lambda call: Result(2.0))
    for runner in stage.runners:
        runner.__class__ = Weighed
    trials = stage.run(memory=MemoryPass.ALLOCATOR)
    assert trials["tip"].exact == {"peak_bytes": 4096.0}
    assert trials["tip"].sources == {"peak_bytes": "scale"}
    assert trials["trick"].status is Status.MEASURED
    assert trials["trick"].exact == {}
    assert trials["wrong"].exact == {}
    assert stage.warnings == [
        CaseWarning(WarningCode.NO_READING, "trick", "RuntimeError: boom", "peak_bytes")
    ]


class Accounted(LocalRunner):
    """A runner whose allocator has every number, and keeps a history of one variant."""

    def read(self, metric: str) -> tuple[float, str] | None:
        """A number by its name's length."""
        return float(len(metric)), "scale"

    def snapshot(self, path: Path) -> None:
        """There is none of the trick, and the tip's fails."""
        if self.name == "trick":
            raise NoSnapshot("no")
        if self.name == "tip":
            explode()
        path.write_text(self.name)


def test_the_whole_account_is_read_and_snapshots_where_asked_for(tmp_path: Path) -> None:
    """All of the allocator's readings are kept; a snapshot is a file a variant, its failure a warning, none
    is none."""
    stage = stage_of(baseline=0.2, tip=0.2, trick=0.2)
    for runner in stage.runners:
        runner.__class__ = Accounted
    trials = stage.run(
        memory=MemoryPass.ALLOCATOR, snapshot=lambda runner: runner.snapshot(tmp_path / runner.name)
    )
    assert set(trials["tip"].exact) == set(ALLOCATOR)
    assert [file.name for file in tmp_path.iterdir()] == [BASELINE]
    assert stage.warnings == [CaseWarning(WarningCode.NO_SNAPSHOT, "tip", "RuntimeError: boom")]


def test_weighing_costs_a_measurement_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement's seconds are the price of another unit, which has no memory pass; on a GPU launches and
    joules are none of its readings, for a profiler that was attached slows the launches of the next case."""
    clock = FakeClock()
    read: list[str] = []

    class Slow(LocalRunner):
        def read(self, metric: str) -> tuple[float, str] | None:
            read.append(metric)
            clock.advance(100.0)
            return None

    def made(claim: Claim, present: dict[str, Variant], *_: object) -> list[LocalRunner]:
        return [Slow(name, given, clock, device_of("cuda")) for name, given in present.items()]

    monkeypatch.setattr(measuring, "runners", made)
    monkeypatch.setattr(measuring, "perf_counter", lambda: clock.seconds)
    given = {name: variant(lambda: clock.advance(0.2)) for name in (BASELINE, "tip")}
    work = Work(flops=1e9)
    found = measuring.measure(
        "b.py::bench", Claim("X", "a tip", "b.py", "bench"),
        BenchmarkSpec(given, lambda expected, got: None, None, work, dict.fromkeys(given, Expect.LOWER)),
        MeasureOptions(device_of("cuda"), RoundLimits(share=0.0), seed=1, invocation=1),
    )  # fmt: skip
    assert found.status is Status.MEASURED
    assert read == [*ALLOCATOR, *ALLOCATOR]
    assert 1.0 < found.seconds < 100.0


class Launching(LocalRunner):
    """A variant that launches as many kernels as its name has letters, or raises."""

    def read(self, metric: str) -> tuple[float, str] | None:
        """A number, or what went wrong."""
        return explode() if self.name == "trick" else (float(len(self.name)), f"{metric} of a profile")


def test_a_pass_that_counts_is_a_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the reading of every variant that was chosen and no samples; one that fails is a warning."""
    log: list[str] = []

    @contextmanager
    def set_up(name: str) -> Iterator[Callable[[], object]]:
        log.append(f"{name} enters")
        yield lambda: log.append(f"{name} runs")
        log.append(f"{name} leaves")

    def made(claim: Claim, present: dict[str, Variant], *_: object) -> list[LocalRunner]:
        return [Launching(name, given, FakeClock(), device_of("cuda")) for name, given in present.items()]

    monkeypatch.setattr(counting, "runners", made)
    given: dict[str, Variant | Unavailable] = {
        name: prepared(set_up, name) for name in (BASELINE, "tip", "trick", "decided")
    }
    given["gone"] = Unavailable("no GPU")
    found = counting.count(
        "b.py::bench", Claim("X", "a tip", "b.py", "bench"),
        BenchmarkSpec(given, lambda expected, got: None, None, Work(), dict.fromkeys(given, Expect.LOWER)),
        MeasureOptions(device_of("cuda"), RoundLimits(), seed=1, invocation=4, variants=[*given][:3]),
        "launches",
    )  # fmt: skip
    assert (found.survey, found.status, found.invocation) == (True, Status.MEASURED, 4)
    assert {trial.variant: dict(trial.solo) for trial in found.trials} == {
        BASELINE: {"launches": 8.0}, "tip": {"launches": 3.0}, "trick": {},
    }  # fmt: skip
    assert found.trials[1].sources == {"launches": "launches of a profile, a pass of its own"}
    assert found.warnings == (CaseWarning(WarningCode.NO_READING, "trick", "RuntimeError: boom", "launches"),)
    # One after the other: what one holds is no burden to the next.
    assert log == [
        f"{name} {does}" for name in (BASELINE, "tip", "trick") for does in ("enters", "runs", "leaves")
    ]


def test_one_pass_reads_all_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is made once for the peak and what goes with it; asking for the peak again is another pass."""
    passes: list[int] = []

    def allocations(call: Callable[[], object], device: Any) -> dict[str, tuple[float, str]]:
        call()
        passes.append(len(passes))
        return {"peak_bytes": (1.0, "scale"), "reserved_bytes": (2.0, "scale")}

    monkeypatch.setattr(probes, "allocations", allocations)
    runner = LocalRunner("tip", variant(lambda: None), FakeClock(), device_of("cuda"))
    runner.setup()
    assert [runner.read(name) for name in ("peak_bytes", "reserved_bytes", "ooms")] == [
        (1.0, "scale"), (2.0, "scale"), None,
    ]  # fmt: skip
    assert runner.read("reserved_bytes") is None
    assert passes == [0]
    assert runner.read("peak_bytes") == (1.0, "scale")
    assert passes == [0, 1]


def test_running_out_of_memory_is_a_result() -> None:
    """The variant fails with what was requested and what was free, in words and in numbers; the others go
    on."""
    stage = stage_of(baseline=1e-3)

    def greedy(call: int) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 3.00 GiB "
                           "of which 512.00 MiB is free. Process 1 has 2 GiB in use.")  # fmt: skip

    stage.add("tip", 1e-3, greedy)
    stage.add("trick", 1e-3)
    trials = stage.run()
    assert trials["tip"].status is Status.FAILED
    assert trials["tip"].reason == "out of memory on the GPU: 2 GiB were requested, 512 MiB were free"
    assert trials["tip"].exact == {"asked_bytes": 2.0**31, "free_bytes": 2.0**29}
    assert trials["trick"].status is Status.MEASURED


def test_running_out_of_memory_in_a_live_process_is_the_same_result() -> None:
    """What another process reports of a shortage arrives with its numbers."""
    stage = stage_of(baseline=1e-3)

    def elsewhere(call: int) -> Any:
        raise WorkerFailed("out of memory on the GPU: 2 GiB were requested", {"asked_bytes": 2.0**31})

    stage.add("tip", 1e-3, elsewhere)
    trial = stage.run()["tip"]
    assert trial.reason.endswith("WorkerFailed: out of memory on the GPU: 2 GiB were requested")
    assert trial.exact == {"asked_bytes": 2.0**31}


class Heavy(LocalRunner):
    """A runner whose processes' memory is known."""

    def read(self, metric: str) -> tuple[float, str] | None:
        """A number, or what went wrong."""
        assert metric == "tree_bytes"
        return explode() if self.name == "trick" else (8192.0, "tree")


def test_footprints_are_read_of_what_agrees() -> None:
    """Loaders have the memory of their processes read after the first epoch; a failing probe fails
    nothing."""
    stage = stage_of(baseline=0.2, tip=0.2, trick=0.2)
    stage.add("wrong", 0.2, lambda call: Result(2.0))
    for runner in stage.runners:
        runner.__class__ = Heavy
    trials = stage.run(memory=MemoryPass.PROCESSES)
    assert trials["tip"].exact == {"tree_bytes": 8192.0}
    assert trials["trick"].status is Status.MEASURED
    assert trials["trick"].exact == trials["wrong"].exact == {}
    assert stage.warnings == [
        CaseWarning(WarningCode.NO_READING, "trick", "RuntimeError: boom", "tree_bytes")
    ]


# --- variants -----------------------------------------------------------------------------------------------


def test_prepared_makes_the_iteration_where_it_is_entered() -> None:
    """A factory runs at `enter`, not before; what it yields is left behind with its context."""
    log: list[str] = []

    @contextmanager
    def factory(word: str, *, suffix: str) -> Iterator[Callable[[], str]]:
        log.append("in")
        yield lambda: word + suffix
        log.append("out")

    def plain(word: str) -> Callable[[], str]:
        return lambda: word

    given = prepared(factory, "a", suffix="b")
    assert log == []
    with given.prepare() as iteration:
        assert iteration() == "ab"
        assert log == ["in"]
    assert log == ["in", "out"]
    with prepared(plain, "x").prepare() as iteration:
        assert iteration() == "x"


def test_what_is_no_variant_is_refused() -> None:
    """A tensor handed over instead of a callable is a TypeError that names what is wanted."""
    with pytest.raises(TypeError, match=r"prepared\(\.\.\.\)"):
        as_variant(SimpleNamespace())  # type: ignore[arg-type]


def test_turns_of_unread_results_have_no_readings() -> None:
    """A result without readings gives a turn without."""
    clock = FakeClock()
    runner = LocalRunner("tip", as_variant(lambda: clock.advance(1.0)), clock, None)  # type: ignore[arg-type]
    runner.setup()
    assert runner.run_round(3, 1) == Round(3.0)
