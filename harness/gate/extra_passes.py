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
from harness.model import GateNote, NoteCode, Side
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

    def count(self, state: GateState, random: Random) -> list[GateNote]:
        """Count the launches of what the first unit measured on a GPU."""
        chosen = [one for one in state.decisions if one.measurements and not one.claim.loader]
        if not chosen:
            return []
        if self._late():
            return [GateNote(NoteCode.NO_TIME_TO_COUNT)]
        try:
            with self._started(chosen, COUNTING) as pair:
                visits = self._visit(pair, chosen, NoteCode.NO_LAUNCHES_OF, _count, random)
                return [note for notes in visits for note in notes]
        except (SideLost, WorkerError, OSError) as error:
            return [GateNote(NoteCode.LAUNCHES_NOT_COUNTED, detail=str(error))]

    def explain(self, state: GateState, number: int, random: Random) -> list[GateNote]:
        """Profile the worst regressions."""
        limits, decisions = self._thresholds, state.decisions
        regressed = worst(
            [one for one in decisions if one.slower(limits)], [one for one in decisions if one.larger(limits)]
        )
        if not regressed:
            return []
        if self._late():
            return [GateNote(NoteCode.NO_TIME_TO_PROFILE)]
        found: list[GateNote] = []

        def profile(pair: WorkerPair, decision: Decision) -> None:
            explain(pair, decision, self._folder, self._thresholds, self._display, random)

        try:
            with self._started(regressed, number) as pair:
                visits = self._visit(pair, regressed, NoteCode.NO_PROFILE_OF, profile, random)
                for done, notes in enumerate(visits, 1):
                    found += notes
                    if self._late() and done < len(regressed):
                        left = len(regressed) - done
                        return [*found, GateNote(NoteCode.NO_TIME_TO_PROFILE, count=left)]
        except (SideLost, WorkerError, OSError) as error:
            found.append(GateNote(NoteCode.NOT_PROFILED, detail=str(error)))
        return found

    def _started(self, chosen: Sequence[Decision], number: int) -> AbstractContextManager[WorkerPair]:
        return self._pair(sorted({decision.claim.path for decision in chosen}), number)

    def _visit(
        self, pair: WorkerPair, chosen: Sequence[Decision], failed: NoteCode, work: Work, random: Random
    ) -> Iterator[list[GateNote]]:
        """Do the work on each decision; for each case, a note on each for which it ``failed``. Raises
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
                    notes.append(GateNote(failed, f"{case} {decision.variant}", str(error)))
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
