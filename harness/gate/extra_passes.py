"""What a gate does beside its units, in pairs of processes that give none: counting launches, explaining
regressions.

A profiler stays attached where it was used once and slows later launches, in which most of the difference may
lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

from harness.gate.decision import LAUNCHES, Decision
from harness.gate.explain import explain, worst
from harness.gate.pair import PassFailed, SideLost, WorkerPair
from harness.gate.settings import GateDisplay
from harness.gate.state import GateState
from harness.judge.regression import GateThresholds
from harness.model import Side
from harness.plural import counted
from harness.workers.collect import WorkerError
from harness.workers.protocol import SidePlan

COUNTING = 0
"""The number of the pair that counts launches, which gives no unit."""

Work = Callable[[WorkerPair, Decision], None]


class ExtraPasses:
    """Has a fresh pair do what gives no unit; an error there takes nothing from what was decided.

    ``pair`` starts one for files, by its number, and ``plan`` has how it is to measure. Nothing begins once
    it is ``late``. Each method gives its notes.
    """

    def __init__(
        self,
        pair: Callable[[list[str], int], AbstractContextManager[WorkerPair]],
        plan: Callable[[Random], SidePlan],
        thresholds: GateThresholds,
        folder: Path,
        display: GateDisplay,
        late: Callable[[], bool],
    ) -> None:
        self._pair = pair
        self._plan = plan
        self._thresholds = thresholds
        self._folder = folder
        self._display = display
        self._late = late

    def count(self, state: GateState, random: Random) -> list[str]:
        """Count the launches of what the first unit measured on a GPU."""
        chosen = [one for one in state.decisions if one.measurements and not one.claim.loader]
        if not chosen:
            return []
        if self._late():
            return ["no time was left to count launches"]
        try:
            with self._started(chosen, COUNTING) as pair:
                return [
                    note for notes in self._visit(pair, chosen, "launches", _count, random) for note in notes
                ]
        except (SideLost, WorkerError, OSError) as error:
            return [f"launches could not be counted: {error}"]

    def explain(self, state: GateState, number: int, random: Random) -> list[str]:
        """Profile the worst regressions."""
        limits, decisions = self._thresholds, state.decisions
        regressed = worst(
            [one for one in decisions if one.slower(limits)], [one for one in decisions if one.larger(limits)]
        )
        if not regressed:
            return []
        if self._late():
            return ["no time was left to profile what regressed"]
        found: list[str] = []

        def profile(pair: WorkerPair, decision: Decision) -> None:
            explain(pair, decision, self._folder, self._thresholds, self._display, random)

        try:
            with self._started(regressed, number) as pair:
                for done, notes in enumerate(self._visit(pair, regressed, "profile", profile, random), 1):
                    found += notes
                    if self._late() and done < len(regressed):
                        left = counted(len(regressed) - done, "other regression")
                        return [*found, f"no time was left to profile {left}"]
        except (SideLost, WorkerError, OSError) as error:
            found.append(f"what regressed could not be profiled: {error}")
        return found

    def _started(self, chosen: Sequence[Decision], number: int) -> AbstractContextManager[WorkerPair]:
        return self._pair(sorted({decision.claim.path for decision in chosen}), number)

    def _visit(
        self, pair: WorkerPair, chosen: Sequence[Decision], what: str, work: Work, random: Random
    ) -> Iterator[list[str]]:
        """Do the work on each decision; for each case, a note on each that it was not possible for. Raises
        SideLost."""
        of_case: dict[str, list[Decision]] = {}
        for decision in chosen:
            of_case.setdefault(decision.case, []).append(decision)
        pair.begin(list(of_case), self._plan(random))
        for case, states in pair.walk(random):
            notes = []
            for decision in of_case[case]:
                try:
                    if any(decision.variant not in state.variants for state in states.values()):
                        raise PassFailed("it was not there again")
                    work(pair, decision)
                except PassFailed as error:
                    notes.append(f"no {what} of {case} {decision.variant}: {error}")
            yield notes


def _count(pair: WorkerPair, decision: Decision) -> None:
    """Count what a decision launches on either side, and set it among its exact numbers."""
    base, head = (_launches(pair, side, decision) for side in Side)
    if base is not None and head is not None:
        decision.exact[LAUNCHES] = (base, head)


def _launches(pair: WorkerPair, side: Side, decision: Decision) -> float | None:
    runner = pair.runner(side, decision.variant)
    with pair.blame(side, decision):
        runner.setup()
        try:
            runner.first_call()
            reading = runner.read(LAUNCHES)
        finally:
            if not pair.clients[side].ended:
                runner.teardown()
    return None if reading is None else reading[0]
