"""Hold a contest: set up, compare, calibrate, warm up, then blocks; every variant ends as a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from harness.contest.agreement import Agreement, Disagreement
from harness.contest.blocks import Dropped, garbage_collection_off, orders, play
from harness.contest.effort import Effort
from harness.contest.entrant import Entrant, Turn
from harness.contest.pace import MOST_ITERATIONS, Pace, Warm, pace, target_seconds, warm_up
from harness.model import BASELINE, Expect, Status, Trial
from harness.probes import ALLOCATOR, NoSnapshot, shortage

PATIENCE = 2.0
"""Seconds that a case's blocks may take at the least before a slow machine cuts them short."""

STARTS = 3
"""How often the blocks may start, at the most: anew where rounds turn out shorter than `FULL_ROUND` of what they ought
to be."""
FULL_ROUND = 0.8


class Weigh(Enum):
    """What memory a contest is to find out: none, the allocator's peaks, or what the variants' processes hold."""

    NOTHING = auto()
    ALLOCATOR = auto()
    PROCESSES = auto()


@dataclass(slots=True)
class _Entry:
    """A variant on its way through the contest."""

    entrant: Entrant
    status: Status = Status.MEASURED
    reason: str = ""
    first_seconds: float = 0.0
    warmup_seconds: float = 0.0
    pace: Pace | None = None
    turns: list[Turn] = field(default_factory=list)
    exact: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    left: bool = False

    def drop(self, error: BaseException, warnings: list[str]) -> None:
        """Take the variant out of the contest: wrong where it disagreed, timed out or failed otherwise.

        It is left at once: its workers would go on filling their queues in the rounds of others.
        """
        self.turns.clear()
        if isinstance(error, Disagreement):
            self.status, self.reason = Status.WRONG, str(error)
        elif isinstance(error, TimeoutError):
            self.status, self.reason = Status.TIMED_OUT, str(error)
        else:
            self.status, self.reason = Status.FAILED, failure(error)
            # How much was missing is a result, of a variant that has no other.
            self.exact |= _short_of(error)
            self.sources |= dict.fromkeys(_short_of(error), "the error")
        self.leave(warnings)

    def leave(self, warnings: list[str]) -> None:
        """Tidy up, once."""
        if self.left:
            return
        self.left = True
        try:
            self.entrant.leave()
        except Exception as error:
            warnings.append(f"{self.entrant.name} did not tidy up: {failure(error)}")


def _short_of(error: BaseException) -> Mapping[str, float]:
    found = shortage(error)
    return {**getattr(error, "readings", {}), **(found.readings if found else {})}


def failure(error: BaseException) -> str:
    """One line that says what was raised; of an error that carries a worker's traceback, what the worker raised.

    Of one for want of memory, how much was asked for and how much was free.
    """
    if (short := shortage(error)) is not None and short.asked_bytes is not None:
        return str(short)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        return lines[-1][:500]
    return f"{type(error).__name__}: {lines[0]}"[:500] if lines[0] else type(error).__name__


class BaselineFailed(Exception):
    """There is nothing to compare with; ``status`` and the message say what became of the baseline."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(f"the baseline {status}: {reason}")
        self.status = status


def hold(
    entrants: Sequence[Entrant],
    agreement: Agreement,
    *,
    reference: Callable[[], object] | None,
    expect: Mapping[str, Expect],
    effort: Effort,
    now: Callable[[], float],
    random: Random,
    weigh: Weigh = Weigh.NOTHING,
    energy: bool = False,
    blocks: list[tuple[float, float]] | None = None,
    snapshot: Callable[[Entrant], object] | None = None,
) -> tuple[list[Trial], list[str]]:
    """Hold the contest of one case; the trials in the given order, and warnings.

    A variant that disagrees, raises or runs out of time leaves the contest; the others go on. ``blocks`` is filled with
    the moments, by ``now``, from and to which each block lasted that counts; ``snapshot`` is called with every entrant
    that was weighed. Raises BaselineFailed.
    """
    entries = {entrant.name: _Entry(entrant) for entrant in entrants}
    warnings: list[str] = []
    with ExitStack() as stack:
        for entry in entries.values():
            stack.callback(entry.leave, warnings)
        _set_up(entries, random, warnings)
        _compare(entries, agreement, reference, random, warnings, footprints=weigh is Weigh.PROCESSES)
        _warm_up(entries, effort, now, random, warnings)
        _measure(entries, effort, now, random, warnings, [] if blocks is None else blocks)
        if weigh is Weigh.ALLOCATOR:
            _weigh(entries, warnings, energy=energy, snapshot=snapshot)
    return [_trial(entry, expect[name]) for name, entry in entries.items()], warnings


def _alive(entries: Mapping[str, _Entry], random: Random) -> list[_Entry]:
    baseline = entries[BASELINE]
    if baseline.status is not Status.MEASURED:
        raise BaselineFailed(baseline.status, baseline.reason)
    alive = [entry for entry in entries.values() if entry.status is Status.MEASURED]
    return random.sample(alive, len(alive))


def _set_up(entries: Mapping[str, _Entry], random: Random, warnings: list[str]) -> None:
    for entry in _alive(entries, random):
        try:
            entry.entrant.enter()
        except Exception as error:
            entry.drop(error, warnings)


def _compare(
    entries: Mapping[str, _Entry],
    agreement: Agreement,
    reference: Callable[[], object] | None,
    random: Random,
    warnings: list[str],
    *,
    footprints: bool,
) -> None:
    # Whoever is opened first may get the better memory, so that it is not always the baseline: results that come before
    # it wait for it.
    known = reference is not None
    if reference is not None:
        agreement.expected = reference()
    waiting: list[tuple[_Entry, object]] = []
    for entry in _alive(entries, random):
        try:
            entry.first_seconds, result = entry.entrant.open()
        except Exception as error:
            entry.drop(error, warnings)
            continue
        if entry.entrant.name == BASELINE and not known:
            agreement.expected, known = result, True
        else:
            waiting.append((entry, result))
        while known and waiting:
            _check(*waiting.pop(), agreement, warnings)
        del result
        if footprints:
            _note_reading(entry, "tree_bytes", warnings)
    agreement.expected = None


def _check(entry: _Entry, result: object, agreement: Agreement, warnings: list[str]) -> None:
    try:
        readings = agreement.check(result)
    except Exception as error:
        entry.drop(error, warnings)
        entry.exact.clear()
        entry.sources.clear()
    else:
        entry.exact.update(readings)
        entry.sources.update(dict.fromkeys(readings, "against the reference"))


def _warm_up(
    entries: Mapping[str, _Entry], effort: Effort, now: Callable[[], float], random: Random, warnings: list[str]
) -> None:
    warm: dict[str, Warm] = {}
    for entry in _alive(entries, random):
        start = now()
        try:
            found = warm_up(entry.entrant, entry.first_seconds, effort, now)
        except Exception as error:
            entry.drop(error, warnings)
            continue
        warm[entry.entrant.name] = found
        entry.warmup_seconds = entry.first_seconds + now() - start
        if not found.settled:
            warnings.append(
                f"{entry.entrant.name} was still getting faster after {effort.warmup_limit:g} s of warming up"
            )
    target = target_seconds([found.seconds for found in warm.values()], effort)
    for name, found in warm.items():
        entries[name].pace = pace(found, target, effort)


def _measure(
    entries: Mapping[str, _Entry],
    effort: Effort,
    now: Callable[[], float],
    random: Random,
    warnings: list[str],
    moments: list[tuple[float, float]],
) -> None:
    alive = {entry.entrant.name: entry for entry in _alive(entries, random)}
    paces = {name: entry.pace for name, entry in alive.items() if entry.pace is not None}
    competing = {name: entry.entrant for name, entry in alive.items()}
    with garbage_collection_off():
        for starts_left in reversed(range(STARTS)):
            moments.clear()
            hurried = _play_blocks(
                alive, competing, paces, effort, now, random, warnings, moments, watchful=starts_left > 0
            )
            if not hurried:
                break
            # Something had held up the warming up, a neighbour say, and the variant is quicker than it seemed.
            target = target_seconds([pace.seconds for pace in paces.values()], effort)
            for name, seconds in hurried.items():
                paces[name] = pace(Warm(seconds, seconds, settled=True), target, effort)
    for name, entry in alive.items():
        entry.pace = paces[name]
    _alive(entries, random)


def _play_blocks(
    alive: Mapping[str, _Entry],
    competing: dict[str, Entrant],
    paces: Mapping[str, Pace],
    effort: Effort,
    now: Callable[[], float],
    random: Random,
    warnings: list[str],
    moments: list[tuple[float, float]],
    *,
    watchful: bool,
) -> dict[str, float]:
    """Play the blocks; those who fail drop out.

    A watchful start ends at the first block with a round far too short, and gives the seconds that an iteration of each
    such variant really takes.
    """
    block_seconds = sum(paces[name].round_seconds for name in competing)
    blocks = effort.blocks(block_seconds)
    # Beside a busy neighbour rounds may take many times what warming up promised; enough blocks are then enough.
    patience = now() + max(4 * blocks * block_seconds, PATIENCE)
    done = 0
    for entry in alive.values():
        entry.turns.clear()
    # Every variant may cost one block, the one it fails in.
    for order in orders(sorted(competing), blocks + len(competing), random):
        if done == blocks or (done >= effort.fewest_blocks and now() > patience):
            break
        start = now()
        try:
            turns = play(competing, paces, [name for name in order if name in competing])
        except Dropped as dropped:
            alive[dropped.name].drop(dropped.error, warnings)
            del competing[dropped.name]
            if dropped.name == BASELINE:
                break
            # The block is lost for all: equal index must mean the same block.
            continue
        hurried = {
            name: turn.seconds / paces[name].iterations
            for name, turn in turns.items()
            if turn.seconds < FULL_ROUND * effort.round_seconds and paces[name].iterations < MOST_ITERATIONS
        }
        if hurried and watchful:
            return hurried
        done += 1
        moments.append((start, now()))
        for name, turn in turns.items():
            alive[name].turns.append(turn)
    return {}


def _weigh(
    entries: Mapping[str, _Entry],
    warnings: list[str],
    *,
    energy: bool,
    snapshot: Callable[[Entrant], object] | None,
) -> None:
    for entry in entries.values():
        for name in (*ALLOCATOR, "launches", *(["joules"] if energy else [])):
            _note_reading(entry, name, warnings)
        if snapshot is not None and entry.status is Status.MEASURED:
            try:
                snapshot(entry.entrant)
            except NoSnapshot:
                continue  # said once for the run, not for every variant
            except Exception as error:
                warnings.append(f"no memory snapshot of {entry.entrant.name}: {failure(error)}")


def _note_reading(entry: _Entry, name: str, warnings: list[str]) -> None:
    """Keep a reading of a variant that is still in, if there is one; one that fails is a warning, no failure."""
    if entry.status is not Status.MEASURED:
        return
    try:
        if (reading := entry.entrant.read(name)) is not None:
            entry.exact[name], entry.sources[name] = reading
    except Exception as error:
        warnings.append(f"no {name} of {entry.entrant.name}: {failure(error)}")


def _trial(entry: _Entry, expect: Expect) -> Trial:
    iterations = entry.pace.iterations if entry.pace else 0
    samples: dict[str, tuple[float, ...]] = {}
    if entry.turns:
        for name in entry.turns[0].readings:
            if all(name in turn.readings for turn in entry.turns):
                samples[name] = tuple(turn.readings[name] for turn in entry.turns)
        samples["seconds"] = tuple(turn.seconds / iterations for turn in entry.turns)
        if all(turn.host_seconds is not None for turn in entry.turns):
            samples["host_seconds"] = tuple((turn.host_seconds or 0.0) / iterations for turn in entry.turns)
    return Trial(
        variant=entry.entrant.name,
        status=entry.status,
        reason=entry.reason,
        expect=expect,
        iterations=iterations,
        first_seconds=entry.first_seconds,
        warmup_seconds=entry.warmup_seconds,
        samples=samples,
        exact=entry.exact,
        sources=entry.sources,
    )
