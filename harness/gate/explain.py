"""What differs where a gate found a regression: profiles on both sides, after all timing, held against each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from harness import store
from harness.errors import HarnessError
from harness.gate.decision import Decision
from harness.gate.pair import SideLost, WorkerPair
from harness.judge.regression import GateThresholds
from harness.measure.correctness import WrongResult
from harness.model import FunctionTime, Side, TraceSummary
from harness.plural import counted
from harness.profile.chunks import TraceError
from harness.profile.summary import summarise
from harness.report.grown import growth, memory_growth
from harness.workers.client import RemoteRunner, WorkerFailed

MOST_EXPLAINED = 5
"""Regressions of one gate that are profiled, the worst first: each costs a few seconds."""

PASSES = 3
"""Traced passes of each side, in turn; the quickest of each counts, for what else runs there only ever adds time."""

LONG = 3.0
"""Seconds after which no further pass of a case begins."""


class Unexplained(HarnessError):
    """A profile that could not be had; the message says of which side, and why."""


@dataclass(slots=True)
class _Seen:
    """What the profiles of one side showed."""

    trace: TraceSummary | None = None
    functions: tuple[FunctionTime, ...] = ()
    held: Mapping[str, int] | None = None


def explain(
    pair: WorkerPair,
    begin: Callable[[Sequence[str]], object],
    regressed: Sequence[Decision],
    folder: Path,
    thresholds: GateThresholds,
    random: Random,
    late: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Profile these candidates, one a case, on both sides of a fresh pair and set what differs as their ``growth``.

    ``begin`` leads the pair to their cases; traces go to ``folder``; when it is ``late`` no other case but the first is
    begun. Gives a note for each that could not be explained. Raises SideLost.
    """
    of_case = {candidate.case: candidate for candidate in regressed}
    cases = list(of_case)
    begin(cases)
    for number, (case, standings) in enumerate(pair.walk(random), 1):
        candidate = of_case[case]
        if any(candidate.variant not in standing.variants for standing in standings.values()):
            yield f"no profile of {case} {candidate.variant}: it was not there again"
            continue
        try:
            seen = _profiles(pair, candidate, folder, random)
        except Unexplained as error:
            yield f"no profile of {case} {candidate.variant}: {error}"
        else:
            more = candidate.seconds_more(thresholds)
            candidate.growth = _growth(candidate, more, seen[Side.BASE], seen[Side.HEAD])
        if late() and number < len(cases):
            yield f"no time was left to profile {counted(len(cases) - number, 'other regression')}"
            return


def worst(slower: Sequence[Decision], larger: Sequence[Decision] = ()) -> list[Decision]:
    """The few that slowed down most, one of a case: what grew in one variant has grown in the others as a rule.

    Then come those that need more memory alone.
    """

    def ratio(candidate: Decision) -> float:
        ruling = candidate.ruling
        return ruling.ratio if ruling is not None and ruling.ratio is not None else 0.0

    found: dict[str, Decision] = {}
    for group in (slower, larger):
        for candidate in sorted(group, key=ratio, reverse=True):
            found.setdefault(candidate.case, candidate)
    return list(found.values())[:MOST_EXPLAINED]


def _growth(candidate: Decision, more: float, base: _Seen, head: _Seen) -> dict[str, str]:
    grown = {}
    if base.trace is not None and head.trace is not None:
        grown["seconds"] = grown["launches"] = growth(base.trace, head.trace, more, base.functions, head.functions)
    if base.held is not None and head.held is not None:
        before, after = candidate.exact.get("peak_bytes", (0.0, 0.0))
        grown["peak_bytes"] = memory_growth(base.held, head.held, after - before)
    return grown


def _profiles(pair: WorkerPair, candidate: Decision, folder: Path, random: Random) -> dict[Side, _Seen]:
    """What either side's profiles show, the sides taking turns, in a random order each time."""
    runners = {side: pair.runner(side, candidate.variant) for side in Side}
    seen = {side: _Seen() for side in Side}
    files = {
        side: (folder / store.trace_name(candidate.case, f"{candidate.variant} {side}")).resolve() for side in Side
    }

    def each(ask: Callable[[Side, RemoteRunner], None]) -> None:
        for side in random.sample(list(Side), 2):
            with _blamed(side, candidate.case):
                pair.clients[side].timeout = candidate.claim.time_limit
                ask(side, runners[side])

    def trace(side: Side, runner: RemoteRunner) -> None:
        found = _quickest(seen[side].trace, runner, files[side])
        seen[side].trace = found

    def functions(side: Side, runner: RemoteRunner) -> None:
        with suppress(WorkerFailed):  # another profiler may be active: the traces alone say most of it
            seen[side].functions = runner.functions()

    def held(side: Side, runner: RemoteRunner) -> None:
        with suppress(WorkerFailed):
            seen[side].held = runner.held_at_peak()

    try:
        each(lambda _, runner: runner.setup())
        each(lambda _, runner: runner.first_call() and None)
        start = time.monotonic()
        for number in range(PASSES):
            if number == 0 or time.monotonic() - start < LONG:
                each(trace)
        each(functions)
        if candidate.exact.get("peak_bytes"):
            each(held)
    finally:
        for side, runner in runners.items():
            if not pair.clients[side].ended:
                runner.teardown()
    return seen


def _quickest(before: TraceSummary | None, runner: RemoteRunner, file: Path) -> TraceSummary:
    """The summary of another traced pass, or the one ``before`` if that was quicker; the quicker one's file is kept."""
    draft = file.with_name(f"again-{file.name}")
    runner.profile(draft)
    found = summarise(draft)
    if before is not None and before.wall_seconds / before.iterations <= found.wall_seconds / found.iterations:
        draft.unlink()
        return before
    draft.replace(file)
    return found


@contextmanager
def _blamed(side: Side, case: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise SideLost(side, str(error), case) from error
    except (WorkerFailed, WrongResult, TraceError) as error:
        raise Unexplained(f"{side}: {error}") from error
