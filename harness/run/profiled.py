"""What differs where a gate found a regression: profiles on both sides, after all timing, held against each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from harness import store
from harness.compare.gate import GateThresholds
from harness.contest.agreement import Disagreement
from harness.contest.seat import SeatedEntrant, SeatError
from harness.model import Arm, FunctionTime, TraceSummary
from harness.plural import counted
from harness.report.grown import growth, memory_growth
from harness.run.candidate import Candidate
from harness.run.pair import ArmLost, Pair
from harness.traces.chunks import TraceError
from harness.traces.summary import summarise

MOST_EXPLAINED = 5
"""Regressions of one gate that are profiled, the worst first: each costs a few seconds."""

PASSES = 3
"""Traced passes of each side, in turn; the quickest of each counts, for what else runs there only ever adds time."""

LONG = 3.0
"""Seconds after which no further pass of a case begins."""


class Unexplained(Exception):
    """A profile that could not be had; the message says of which arm, and why."""


@dataclass(slots=True)
class _Seen:
    """What the profiles of one side showed."""

    trace: TraceSummary | None = None
    functions: tuple[FunctionTime, ...] = ()
    held: Mapping[str, int] | None = None


def explain(
    pair: Pair,
    begin: Callable[[Sequence[str]], object],
    regressed: Sequence[Candidate],
    folder: Path,
    thresholds: GateThresholds,
    random: Random,
    late: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Profile these candidates, one a case, on both sides of a fresh pair and set what differs as their ``growth``.

    ``begin`` leads the pair to their cases; traces go to ``folder``; when it is ``late`` no other case but the first is
    begun. Gives a note for each that could not be explained. Raises ArmLost.
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
            candidate.growth = _growth(candidate, more, seen[Arm.BASE], seen[Arm.HEAD])
        if late() and number < len(cases):
            yield f"no time was left to profile {counted(len(cases) - number, 'other regression')}"
            return


def worst(slower: Sequence[Candidate], larger: Sequence[Candidate] = ()) -> list[Candidate]:
    """The few that slowed down most, one of a case: what grew in one variant has grown in the others as a rule.

    Then come those that need more memory alone.
    """

    def ratio(candidate: Candidate) -> float:
        ruling = candidate.ruling
        return ruling.ratio if ruling is not None and ruling.ratio is not None else 0.0

    found: dict[str, Candidate] = {}
    for group in (slower, larger):
        for candidate in sorted(group, key=ratio, reverse=True):
            found.setdefault(candidate.case, candidate)
    return list(found.values())[:MOST_EXPLAINED]


def _growth(candidate: Candidate, more: float, base: _Seen, head: _Seen) -> dict[str, str]:
    grown = {}
    if base.trace is not None and head.trace is not None:
        grown["seconds"] = grown["launches"] = growth(base.trace, head.trace, more, base.functions, head.functions)
    if base.held is not None and head.held is not None:
        before, after = candidate.exact.get("peak_bytes", (0.0, 0.0))
        grown["peak_bytes"] = memory_growth(base.held, head.held, after - before)
    return grown


def _profiles(pair: Pair, candidate: Candidate, folder: Path, random: Random) -> dict[Arm, _Seen]:
    """What either side's profiles show, the sides taking turns, in a random order each time."""
    entrants = {arm: pair.entrant(arm, candidate.variant) for arm in Arm}
    seen = {arm: _Seen() for arm in Arm}
    files = {arm: (folder / store.trace_name(candidate.case, f"{candidate.variant} {arm}")).resolve() for arm in Arm}

    def each(ask: Callable[[Arm, SeatedEntrant], None]) -> None:
        for arm in random.sample(list(Arm), 2):
            with _blamed(arm, candidate.case):
                pair.seats[arm].timeout = candidate.claim.time_limit
                ask(arm, entrants[arm])

    def trace(arm: Arm, entrant: SeatedEntrant) -> None:
        found = _quickest(seen[arm].trace, entrant, files[arm])
        seen[arm].trace = found

    def functions(arm: Arm, entrant: SeatedEntrant) -> None:
        with suppress(SeatError):  # another profiler may be active: the traces alone say most of it
            seen[arm].functions = entrant.functions()

    def held(arm: Arm, entrant: SeatedEntrant) -> None:
        with suppress(SeatError):
            seen[arm].held = entrant.held_at_peak()

    try:
        each(lambda _, entrant: entrant.enter())
        each(lambda _, entrant: entrant.open() and None)
        start = time.monotonic()
        for number in range(PASSES):
            if number == 0 or time.monotonic() - start < LONG:
                each(trace)
        each(functions)
        if candidate.exact.get("peak_bytes"):
            each(held)
    finally:
        for arm, entrant in entrants.items():
            if not pair.seats[arm].ended:
                entrant.leave()
    return seen


def _quickest(before: TraceSummary | None, entrant: SeatedEntrant, file: Path) -> TraceSummary:
    """The summary of another traced pass, or the one ``before`` if that was quicker; the quicker one's file is kept."""
    draft = file.with_name(f"again-{file.name}")
    entrant.profile(draft)
    found = summarise(draft)
    if before is not None and before.wall_seconds / before.iterations <= found.wall_seconds / found.iterations:
        draft.unlink()
        return before
    draft.replace(file)
    return found


@contextmanager
def _blamed(arm: Arm, case: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ArmLost(arm, str(error), case) from error
    except (SeatError, Disagreement, TraceError) as error:
        raise Unexplained(f"{arm}: {error}") from error
