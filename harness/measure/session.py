"""Measure one case: set up, check results, calibrate, warm up, then blocks; every variant ends as a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
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
from harness.model import BASELINE, CaseWarning, Expect, Status, Trial, WarningCode


def run_session(
    runners: Sequence[VariantRunner],
    agreement: Agreement,
    *,
    reference: Callable[[], object] | None,
    expect: Mapping[str, Expect],
    limits: RoundLimits,
    now: Callable[[], float],
    random: Random,
    memory: MemoryPass = MemoryPass.NOTHING,
    aside: AbstractContextManager[object] | None = None,
    blocks: list[tuple[float, float]] | None = None,
    snapshot: Callable[[VariantRunner], object] | None = None,
    changed: Callable[[], object] | None = None,
) -> tuple[list[Trial], list[CaseWarning]]:
    """Measure one case. Returns the trials, in the order of the runners, and warnings.

    A variant that disagrees, raises or runs out of time leaves the measurement; the others go on. ``blocks`` is filled
    with the moments, by ``now``, from and to which each block lasted that counts; ``aside`` is entered around the
    memory pass, which is not part of what the measurement costs; ``snapshot`` is called with every runner in that
    pass. Where ``changed`` is given the baseline runs once more when all have run, and it is called if the result is
    another one. Raises BaselineFailed.
    """
    entries = {runner.name: VariantState(runner) for runner in runners}
    warnings: list[CaseWarning] = []
    with ExitStack() as stack:
        for entry in entries.values():
            stack.callback(entry.teardown, warnings)
        _set_up(entries, random, warnings)
        _compare(entries, agreement, reference, random, warnings, changed, footprints=memory is MemoryPass.PROCESSES)
        _warm_up(entries, limits, now, random, warnings)
        _measure(entries, limits, now, random, warnings, [] if blocks is None else blocks)
        if memory is MemoryPass.ALLOCATOR:
            with aside or nullcontext():
                read_memory(entries, warnings, snapshot=snapshot)
    return [entry.trial(expect[name]) for name, entry in entries.items()], warnings


def _set_up(entries: Mapping[str, VariantState], random: Random, warnings: list[CaseWarning]) -> None:
    for entry in still_in(entries, random):
        try:
            entry.runner.setup()
        except Exception as error:
            entry.exclude(error, warnings)


def _compare(
    entries: Mapping[str, VariantState],
    agreement: Agreement,
    reference: Callable[[], object] | None,
    random: Random,
    warnings: list[CaseWarning],
    changed: Callable[[], object] | None,
    *,
    footprints: bool,
) -> None:
    # The first to be called may get the better memory, so that it is not always the baseline: results that come before
    # the baseline's wait for it.
    known = reference is not None
    if reference is not None:
        agreement.expected = reference()
    waiting: list[tuple[VariantState, object]] = []
    for entry in still_in(entries, random):
        try:
            entry.first_seconds, result = entry.runner.first_call()
        except Exception as error:
            entry.exclude(error, warnings)
            continue
        if entry.runner.name == BASELINE and not known:
            agreement.expected, known = result, True
        else:
            waiting.append((entry, result))
        while known and waiting:
            _check(*waiting.pop(), agreement, warnings)
        del result
        if footprints:
            note_reading(entry, "tree_bytes", warnings)
    if changed is not None and len(entries) > 1 and entries[BASELINE].status is Status.MEASURED:
        try:
            agreement.check(entries[BASELINE].runner.first_call()[1])
        except WrongResult:
            changed()
        except Exception as error:
            entries[BASELINE].exclude(error, warnings)
    agreement.expected = None


def _check(entry: VariantState, result: object, agreement: Agreement, warnings: list[CaseWarning]) -> None:
    try:
        readings = agreement.check(result)
    except Exception as error:
        entry.exclude(error, warnings)
        entry.exact.clear()
        entry.sources.clear()
    else:
        entry.exact.update(readings)
        entry.sources.update(dict.fromkeys(readings, "against the reference"))


def _warm_up(
    entries: Mapping[str, VariantState],
    limits: RoundLimits,
    now: Callable[[], float],
    random: Random,
    warnings: list[CaseWarning],
) -> None:
    warm: dict[str, WarmUp] = {}
    for entry in still_in(entries, random):
        start = now()
        try:
            found = warm_up(entry.runner, entry.first_seconds, limits, now)
        except Exception as error:
            entry.exclude(error, warnings)
            continue
        warm[entry.runner.name] = found
        entry.warmup_seconds = entry.first_seconds + now() - start
        if not found.settled:
            warnings.append(CaseWarning(WarningCode.NOT_STEADY, entry.runner.name, seconds=limits.warmup_limit))
    target = target_seconds([found.seconds for found in warm.values()], limits)
    for name, found in warm.items():
        entries[name].pace = pace(found, target, limits)


def _measure(
    entries: Mapping[str, VariantState],
    limits: RoundLimits,
    now: Callable[[], float],
    random: Random,
    warnings: list[CaseWarning],
    moments: list[tuple[float, float]],
) -> None:
    alive = {entry.runner.name: entry for entry in still_in(entries, random)}
    paces = {name: entry.pace for name, entry in alive.items() if entry.pace is not None}
    competing = {name: entry.runner for name, entry in alive.items()}
    with garbage_collection_off():
        for starts_left in reversed(range(STARTS)):
            moments.clear()
            hurried = _play_blocks(
                alive, competing, paces, limits, now, random, warnings, moments, watchful=starts_left > 0
            )
            if not hurried:
                break
            # Something delayed the warm-up, a neighbour for example, and the variant is quicker than it seemed.
            target = target_seconds([pace.seconds for pace in paces.values()], limits)
            for name, seconds in hurried.items():
                paces[name] = pace(WarmUp(seconds, seconds, settled=True), target, limits)
    for name, entry in alive.items():
        entry.pace = paces[name]
    still_in(entries, random)


def _play_blocks(
    alive: Mapping[str, VariantState],
    competing: dict[str, VariantRunner],
    paces: Mapping[str, RoundSize],
    limits: RoundLimits,
    now: Callable[[], float],
    random: Random,
    warnings: list[CaseWarning],
    moments: list[tuple[float, float]],
    *,
    watchful: bool,
) -> dict[str, float]:
    """Run the blocks; variants that fail drop out.

    A watchful start ends at the first block with a round far too short, and gives the seconds that an iteration of each
    such variant really takes.
    """
    block_seconds = sum(paces[name].round_seconds for name in competing)
    blocks = limits.blocks(block_seconds)
    # Beside a busy neighbour rounds may take many times what warming up promised; enough blocks are then enough.
    timeout = now() + max(4 * blocks * block_seconds, BLOCKS_TIMEOUT)
    done = 0
    for entry in alive.values():
        entry.turns.clear()
    # Every variant may cost one block, the one it fails in.
    for order in orders(sorted(competing), blocks + len(competing), random):
        if done == blocks or (done >= limits.fewest_blocks and now() > timeout):
            break
        start = now()
        try:
            turns = play(competing, paces, [name for name in order if name in competing])
        except RunnerFailed as dropped:
            alive[dropped.name].exclude(dropped.error, warnings)
            del competing[dropped.name]
            if dropped.name == BASELINE:
                break
            # The block is lost for all: equal index must mean the same block.
            continue
        hurried = {
            name: turn.seconds / paces[name].iterations
            for name, turn in turns.items()
            if turn.seconds < FULL_ROUND * limits.round_seconds and paces[name].iterations < MOST_ITERATIONS
        }
        if hurried and watchful:
            return hurried
        done += 1
        moments.append((start, now()))
        for name, turn in turns.items():
            alive[name].turns.append(turn)
    return {}
