"""What differs where a gate found a regression: profiles on both sides, after all timing, compared with each
other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from harness import store
from harness.gate.decision import Decision
from harness.gate.pair import WorkerPair
from harness.gate.settings import GateDisplay
from harness.judge.regression import GateThresholds
from harness.model import FunctionTime, Side, TraceSummary
from harness.profile.summary import summarise
from harness.workers.client import RemoteRunner, WorkerFailed

MOST_EXPLAINED = 5
"""Regressions of one gate that are profiled, the worst first: each costs a few seconds."""

PASSES = 3
"""Traced passes of each side, in turn; the quickest of each counts: other processes only ever add time."""

LONG = 3.0
"""Seconds after which no further pass of a case begins."""


@dataclass(slots=True)
class _Profile:
    """What the profiles of one side showed."""

    trace: TraceSummary | None = None
    functions: tuple[FunctionTime, ...] = ()
    held: Mapping[str, int] | None = None


def worst(slower: Sequence[Decision], larger: Sequence[Decision] = ()) -> list[Decision]:
    """The few that slowed down most, one of a case: what grew in one variant has usually grown in the others.

    Then come those that need more memory alone.
    """

    def ratio(decision: Decision) -> float:
        ruling = decision.ruling
        return ruling.comparison.ratio if ruling is not None else 0.0

    found: dict[str, Decision] = {}
    for group in (slower, larger):
        for decision in sorted(group, key=ratio, reverse=True):
            found.setdefault(decision.case, decision)
    return list(found.values())[:MOST_EXPLAINED]


def explain(
    pair: WorkerPair,
    decision: Decision,
    folder: Path,
    thresholds: GateThresholds,
    display: GateDisplay,
    random: Random,
) -> None:
    """Profile a decision on both sides of a fresh pair that is at its case, and set what differs as its
    ``growth``.

    ``display`` has the words for it.
    The sides take turns, in a random order each time; traces go to ``folder``. Raises SideLost, PassFailed.
    """
    runners = {side: pair.runner(side, decision.variant) for side in Side}
    found = {side: _Profile() for side in Side}
    names = {side: store.trace_name(decision.case, f"{decision.variant} {side}") for side in Side}

    def each(work: Callable[[_Profile, RemoteRunner, Path], None]) -> None:
        for side in random.sample(list(Side), 2):
            with pair.blame(side, decision):
                work(found[side], runners[side], (folder / names[side]).resolve())

    def first_call(_: _Profile, runner: RemoteRunner, __: Path) -> None:
        runner.first_call()

    try:
        each(lambda _, runner, __: runner.setup())
        each(first_call)
        start = time.monotonic()
        for number in range(PASSES):
            if number == 0 or time.monotonic() - start < LONG:
                each(_trace)
        each(_functions)
        if decision.exact.get("peak_bytes"):
            each(_held)
    finally:
        for side, runner in runners.items():
            if not pair.clients[side].ended:
                runner.teardown()
    base, head = found[Side.BASE], found[Side.HEAD]
    if base.trace is not None and head.trace is not None:
        more = decision.seconds_more(thresholds)
        text = display.growth(base.trace, head.trace, more, base.functions, head.functions)
        decision.growth |= {"seconds": text, "launches": text}
    if base.held is not None and head.held is not None:
        before, after = decision.exact.get("peak_bytes", (0.0, 0.0))
        decision.growth["peak_bytes"] = display.memory_growth(base.held, head.held, after - before)


def _trace(found: _Profile, runner: RemoteRunner, file: Path) -> None:
    """Another traced pass; its summary and its file are kept if it was the quickest."""
    draft = file.with_name(f"again-{file.name}")
    runner.profile(draft)
    trace, before = summarise(draft), found.trace
    if (
        before is not None
        and before.wall_seconds / before.iterations <= trace.wall_seconds / trace.iterations
    ):
        draft.unlink()
        return
    draft.replace(file)
    found.trace = trace


def _functions(found: _Profile, runner: RemoteRunner, _: Path) -> None:
    with suppress(WorkerFailed):  # another profiler may be active: the traces alone explain most of it
        found.functions = runner.functions()


def _held(found: _Profile, runner: RemoteRunner, _: Path) -> None:
    with suppress(WorkerFailed):
        found.held = runner.held_at_peak()
