"""Measure one case: set up, check results, calibrate, warm up, then blocks; every variant ends as a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from random import Random

from harness.measure.blocks import (
    BLOCKS_TIMEOUT,
    FULL_ROUND,
    STARTS,
    RunnerFailed,
    garbage_collection_off,
    orders,
    play,
)
from harness.measure.calibrate import MOST_ITERATIONS, RoundSize, WarmUp, pace, target_seconds, warm_up
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.limits import RoundLimits
from harness.measure.memory import MemoryPass, note_reading, read_memory
from harness.measure.runner import VariantRunner
from harness.measure.state import VariantState, still_in
from harness.model import BASELINE, UNSTEADY, CaseWarning, Expect, Status, Trial, WarningCode


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session measures.

    ``now`` is the clock of limits and blocks, ``random`` draws all orders. ``memory`` is what is read of
    memory; what ``aside`` makes is entered around that, which is no part of what the measurement costs, and
    ``snapshot`` is called with every runner in it. Where ``changed`` is given, the baseline is called once
    more when all have been called, and ``changed`` is called if the result is another one.
    """

    limits: RoundLimits
    now: Callable[[], float]
    random: Random
    memory: MemoryPass = MemoryPass.NOTHING
    aside: Callable[[], AbstractContextManager[object]] = nullcontext
    snapshot: Callable[[VariantRunner], object] | None = None
    changed: Callable[[], object] | None = None


def run_session(
    runners: Sequence[VariantRunner],
    agreement: Agreement,
    options: SessionOptions,
    *,
    reference: Callable[[], object] | None,
    expect: Mapping[str, Expect],
    blocks: list[tuple[float, float]] | None = None,
) -> tuple[list[Trial], list[CaseWarning]]:
    """Measure one case. Returns the trials, in the order of the runners, and warnings.

    A variant that disagrees, raises or runs out of time leaves the measurement; the others go on. ``blocks``
    is filled with the moments, by the clock of the options, from and to which each block lasted that counts.
    Raises BaselineFailed.
    """
    session = _Session(runners, options, [] if blocks is None else blocks)
    with ExitStack() as stack:
        for state in session.states.values():
            stack.callback(state.teardown, session.warnings)
        session.set_up()
        session.compare(agreement, reference)
        session.warm_up()
        session.measure()
        if options.memory is MemoryPass.ALLOCATOR:
            with options.aside():
                read_memory(session.states, session.warnings, snapshot=options.snapshot)
    return [state.trial(expect[name]) for name, state in session.states.items()], session.warnings


class _Session:
    """The variants of a case while it is measured, from set-up to the last block."""

    def __init__(
        self, runners: Sequence[VariantRunner], options: SessionOptions, moments: list[tuple[float, float]]
    ) -> None:
        self.states = {runner.name: VariantState(runner) for runner in runners}
        self.warnings: list[CaseWarning] = []
        self._options = options
        self._limits, self._now, self._random = options.limits, options.now, options.random
        self._moments = moments

    def _still_in(self) -> list[VariantState]:
        return still_in(self.states, self._random)

    def set_up(self) -> None:
        """Set the variants up, in random order."""
        for state in self._still_in():
            try:
                state.runner.setup()
            except Exception as error:
                state.exclude(error, self.warnings)

    def compare(self, agreement: Agreement, reference: Callable[[], object] | None) -> None:
        """Call every variant once, in random order, and check its result."""
        # The first to be called may get the better memory, so that it is not always the baseline: results
        # that come before the baseline's wait for it.
        known = reference is not None
        if reference is not None:
            agreement.expected = reference()
        waiting: list[tuple[VariantState, object]] = []
        for state in self._still_in():
            try:
                state.first_seconds, result = state.runner.first_call()
            except Exception as error:
                state.exclude(error, self.warnings)
                continue
            if state.runner.name == BASELINE and not known:
                agreement.expected, known = result, True
            else:
                waiting.append((state, result))
            while known and waiting:
                self._check(*waiting.pop(), agreement)
            del result
            if self._options.memory is MemoryPass.PROCESSES:
                with self._options.aside():
                    note_reading(state, "tree_bytes", self.warnings)
        changed, baseline = self._options.changed, self.states[BASELINE]
        if changed is not None and len(self.states) > 1 and baseline.status is Status.MEASURED:
            try:
                agreement.check(baseline.runner.first_call()[1])
            except WrongResult:
                changed()
            except Exception as error:
                baseline.exclude(error, self.warnings)
        agreement.expected = None

    def _check(self, state: VariantState, result: object, agreement: Agreement) -> None:
        try:
            readings = agreement.check(result)
        except Exception as error:
            state.exclude(error, self.warnings)
            state.exact.clear()
            state.sources.clear()
        else:
            state.exact.update(readings)
            state.sources.update(dict.fromkeys(readings, "against the reference"))

    def warm_up(self) -> None:
        """Warm every variant up, in random order, and give it the size of its rounds."""
        warm: dict[str, WarmUp] = {}
        for state in self._still_in():
            start = self._now()
            if planned := state.runner.window_seconds:
                # Every window has a lead-in of its own, and the first call was an epoch.
                state.pace, state.warmup_seconds = RoundSize(1, 0, planned), state.first_seconds
                continue
            try:
                found = warm_up(state.runner, state.first_seconds, self._limits, self._now)
            except Exception as error:
                state.exclude(error, self.warnings)
                continue
            warm[state.runner.name] = found
            state.warmup_seconds = state.first_seconds + self._now() - start
            if not found.settled:
                limit = self._limits.warmup_limit
                self.warnings.append(CaseWarning(WarningCode.NOT_STEADY, state.runner.name, seconds=limit))
        target = target_seconds([found.seconds for found in warm.values()], self._limits)
        for name, found in warm.items():
            self.states[name].pace = pace(found, target, self._limits)

    def measure(self) -> None:
        """Run the blocks; again where rounds turn out far too short."""
        alive = {state.runner.name: state for state in self._still_in()}
        paces = {name: state.pace for name, state in alive.items() if state.pace is not None}
        competing = {name: state.runner for name, state in alive.items()}
        with garbage_collection_off():
            for starts_left in reversed(range(STARTS)):
                self._moments.clear()
                hurried = self._play_blocks(alive, competing, paces, watchful=starts_left > 0)
                if not hurried:
                    break
                # Something delayed the warm-up, a neighbour for example, and the variant is quicker than it
                # seemed.
                target = target_seconds([pace.seconds for pace in paces.values()], self._limits)
                for name, seconds in hurried.items():
                    paces[name] = pace(WarmUp(seconds, seconds, settled=True), target, self._limits)
        for name, state in alive.items():
            state.pace = paces[name]
        self._note_rounds(alive.values())
        self._still_in()

    def _note_rounds(self, states: Iterable[VariantState]) -> None:
        """What rounds warn of, once for each variant."""
        for state in states:
            codes = [code for turn in state.turns for code in turn.warnings]
            if state.turns and state.runner.window_seconds:
                # One in four may be off: a neighbour of a moment.
                each = sorted(turn.each(1) for turn in state.turns)
                slow = each[-1 - len(each) // 4]
                codes += [WarningCode.UNSTEADY_WINDOWS] if slow > UNSTEADY * each[0] else []
            name = state.runner.name
            self.warnings += [CaseWarning(code, name) for code in dict.fromkeys(codes)]

    def _play_blocks(
        self,
        alive: Mapping[str, VariantState],
        competing: dict[str, VariantRunner],
        paces: Mapping[str, RoundSize],
        *,
        watchful: bool,
    ) -> dict[str, float]:
        """Run the blocks; variants that fail drop out.

        A watchful start ends at the first block with a round far too short, and gives the seconds that an
        iteration of each such variant really takes.
        """
        block_seconds = sum(paces[name].round_seconds for name in competing)
        blocks = self._limits.blocks(block_seconds)
        # Beside a busy neighbour rounds may take many times what warming up promised; enough blocks are then
        # enough.
        timeout = self._now() + max(4 * blocks * block_seconds, BLOCKS_TIMEOUT)
        done = 0
        for state in alive.values():
            state.turns.clear()
        # Every variant may cost one block, the one it fails in.
        for order in orders(sorted(competing), blocks + len(competing), self._random):
            if done == blocks or (done >= self._limits.fewest_blocks and self._now() > timeout):
                break
            start = self._now()
            try:
                turns = play(competing, paces, [name for name in order if name in competing])
            except RunnerFailed as dropped:
                alive[dropped.name].exclude(dropped.error, self.warnings)
                del competing[dropped.name]
                if dropped.name == BASELINE:
                    break
                # The block is lost for all: equal index must mean the same block.
                continue
            hurried = {
                name: turn.seconds / paces[name].iterations
                for name, turn in turns.items()
                if turn.seconds < FULL_ROUND * self._limits.round_seconds
                and paces[name].iterations < MOST_ITERATIONS
            }
            if hurried and watchful:
                return hurried
            done += 1
            self._moments.append((start, self._now()))
            for name, turn in turns.items():
                alive[name].turns.append(turn)
        return {}
