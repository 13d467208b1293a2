"""A gate from beginning to end: pairs of live processes, unit after unit, until every decision has fallen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

from harness import store
from harness.gate.before import BaseRevision, ask
from harness.gate.decision import EXACT, least_of
from harness.gate.extra_passes import ExtraPasses
from harness.gate.limits import effort_for, in_time
from harness.gate.pair import SideCommand, SideLost, WorkerPair
from harness.gate.settings import GateDisplay, GateSettings
from harness.gate.state import GateState
from harness.judge.regression import status_of
from harness.measure.paired import RoundsOutOfTime, SideFailed, paired_rounds
from harness.model import BASELINE, SCHEMA, Claim, GateResult, Side, SideFacts
from harness.monitor.run import Monitor
from harness.report.format import duration
from harness.workers.collect import WorkerError
from harness.workers.protocol import SideInfo, SidePlan

EXPLAINING = 0.1
"""Share of the budget that is kept for profiles of what regressed, once anything looks as if it may have."""


def gate(
    asked: GateSettings,
    folder: Path,
    screen: GateDisplay,
    check: Callable[[Mapping[Side, SideInfo]], Sequence[str]] = lambda _: (),
) -> GateResult:
    """Hold the gate and give its result; every pair of samples is in ``folder`` as soon as it is measured.

    ``check`` sees what both sides say of themselves before anything is measured; what it raises ends the gate, what it
    gives are notes. Raises WorkerError, StoreError; KeyboardInterrupt passes through when the processes are gone, and
    carries the result so far as its first argument.
    """
    return _Gate(asked, folder, screen, check).hold()


MOST_WARNED = 5
"""Decisions that are not likely to fall, of which each has a line while the gate goes on; the report has all."""


class _Gate:
    """One gate in progress."""

    def __init__(
        self,
        asked: GateSettings,
        folder: Path,
        screen: GateDisplay,
        check: Callable[[Mapping[Side, SideInfo]], Sequence[str]],
    ) -> None:
        self._asked = asked
        self._folder = folder
        self._screen = screen
        self._check = check
        self._state = GateState(asked.claims, asked.thresholds, selftest=asked.selftest, accepted=asked.accepted)
        self._said: dict[Side, SideInfo] = {}
        self._notes: list[str] = []
        self._units = 0
        self._unit_seconds = 0.0
        self._warned: set[str] = set()
        self._random = SystemRandom()
        self._watch = Monitor(folder, asked.watch, note=screen.note)
        self._start = time.monotonic()
        self._end = self._start + asked.seconds
        plan = partial(self._plan, introduce=False)
        self._beside = ExtraPasses(self._pair, plan, asked.thresholds, folder, lambda: time.monotonic() >= self._end)
        self._unit_began = self._start
        self._start_up = 0.0
        self._contests = 0
        self._put_off = self._idle = False

    def hold(self) -> GateResult:
        writer = store.open_gate(
            self._folder, self._asked.claims, base=self._asked.labels[Side.BASE], head=self._asked.labels[Side.HEAD]
        )
        try:
            # Around all pairs: who is there before the first starts, or when the last is gone, is none of ours.
            with self._watch:
                self._state.knows(self._before())
                self._hold_units(writer)
                if not self._asked.selftest:
                    self._notes += self._beside.explain(self._state, self._units + 1, self._fresh_random())
        except KeyboardInterrupt:
            self._notes.append("interrupted: what was not decided by then is inconclusive")
            raise KeyboardInterrupt(self._result()) from None
        finally:
            writer.close()
        return self._result()

    def _hold_units(self, writer: store.Writer) -> None:
        while self._units < self._asked.thresholds.cap and (self._units == 0 or self._state.cases_wanted()):
            if self._units and (self._idle or self._late(self._start_up + self._state.least_seconds())):
                self._notes.append(f"{self._used_up} before everything was decided")
                self._state.out_of_time()
                break
            self._units += 1
            start = time.monotonic()
            self._unit(writer)
            self._unit_seconds = time.monotonic() - start
            if self._units == 1:
                head = self._said[Side.HEAD].environment if Side.HEAD in self._said else {}
                self._notes += self._beside.count(self._state, head, self._fresh_random())
            self._tell()
            self._screen.unit(self._units, *self._state.count(), time.monotonic() - self._start)

    def _late(self, needed: float = 0.0) -> bool:
        """Whether what needs so many seconds would end after the time for units."""
        return time.monotonic() + needed >= self._end_of_units()

    @property
    def _used_up(self) -> str:
        return f"the time budget of {duration(self._asked.seconds, exact=True)} was used up"

    def _tell(self) -> None:
        """Say when the first decisions can fall, and early of those that are not likely to."""
        if self._units == 1 and (looks := self._state.first_looks()):
            self._screen.note(looks)
        for line in self._state.outlooks():
            case = line.partition(" needs ")[0]
            if case not in self._warned and len(self._warned) < MOST_WARNED:
                self._screen.note(line)
            self._warned.add(case)

    def _before(self) -> BaseRevision | None:
        """What base's own revision has; that it cannot be asked is a note."""
        asked, before = self._asked, self._asked.before
        if before is None:
            return None
        try:
            return ask(
                before,
                asked.claims,
                asked.sides[0],
                self._folder,
                device=asked.device,
                data=asked.data,
                tick=self._screen.tick,
            )
        except WorkerError as error:
            self._notes.append(f"which cases base's own revision has could not be asked: {error}")
            return before

    def _unit(self, writer: store.Writer) -> None:
        before = self._state.progress()
        self._unit_began = time.monotonic()
        self._put_off = False
        with self._pair(self._state.files_wanted(), self._units) as pair:
            random = self._fresh_random()
            try:
                self._lead(pair, random, writer)
            except SideLost as lost:
                self._state.mark_lost(lost)
                if not self._said:
                    raise WorkerError(f"the {lost.side} side ended before it could say what it is: {lost}") from None
        self._idle = self._put_off and self._state.progress() == before
        if self._units > 1 and self._state.progress() == before and not self._put_off:
            raise WorkerError(f"unit {self._units} measured nothing; see the logs in {self._folder}")
        self._state.mark(self._units, self._watch.marked)
        self._state.decide()

    def _fresh_random(self) -> Random:
        return Random(self._random.getrandbits(64))

    def _pair(self, files: list[str], unit: int) -> WorkerPair:
        return WorkerPair(self._asked.sides, self._asked.benchmarks, files, self._folder, unit, tick=self._screen.tick)

    def _lead(self, pair: WorkerPair, random: Random, writer: store.Writer) -> None:
        first = not self._said
        self._state.collect(pair)
        cases = self._state.cases_wanted()
        random.shuffle(cases)
        left = self._end_of_units() - time.monotonic()
        cases = in_time(cases, self._state.early(), left, self._unit_seconds)
        said = pair.begin(cases, self._plan(random, introduce=first))
        if first:
            self._introduced(said, writer)
        began = False
        for case, standings in pair.walk(random):
            if not began:
                began, self._start_up = True, time.monotonic() - self._unit_began
            self._state.enter(case, standings)
            self._screen.begins(case, self._units)
            with self._watch.measuring(case, self._units):
                self._contest(pair, case, random, writer)
            if self._late():
                break

    def _plan(self, random: Random, *, introduce: bool) -> SidePlan:
        return SidePlan(
            (),
            self._asked.device,
            self._asked.data,
            core=random.getrandbits(16),
            introduce=introduce,
            under_test=tuple(self._asked.under_test),
        )

    def _end_of_units(self) -> float:
        """When measuring ends: in time for profiles where there may be something to explain."""
        kept = EXPLAINING * self._asked.seconds if self._state.suspects() and not self._asked.selftest else 0.0
        return self._end - kept

    def _introduced(self, said: Mapping[Side, SideInfo], writer: store.Writer) -> None:
        self._said = dict(said)
        self._watch.measures_on(*(introduction.environment for introduction in said.values()))
        writer.write(
            "header",
            schema=SCHEMA,
            environment=dict(said[Side.HEAD].environment),
            base_environment=dict(said[Side.BASE].environment),
            planned=[],
        )
        self._notes += self._check(said)

    def _contest(self, pair: WorkerPair, case: str, random: Random, writer: store.Writer) -> None:
        waiting = self._state.wanted(case)
        random.shuffle(waiting)
        fresh = not any(candidate.measurements for candidate in waiting)
        if fresh:
            # Correctness first: before anything is timed, each variant's result is checked against its side's baseline.
            waiting.sort(key=lambda candidate: candidate.variant != BASELINE)
        for candidate in waiting:
            start = time.monotonic()
            if self._contests and self._late(candidate.least_seconds or least_of(waiting)):
                self._put_off = True
                continue
            self._contests += 1
            for client in pair.clients.values():
                client.timeout = candidate.claim.time_limit
            try:
                rounds = paired_rounds(
                    pair.runner(Side.BASE, candidate.variant),
                    pair.runner(Side.HEAD, candidate.variant),
                    effort=effort_for(candidate.claim, self._target(candidate.claim), clear=candidate.clear),
                    iterations=candidate.iterations,
                    readings=EXACT if fresh and not candidate.claim.loader else (),
                    now=time.monotonic,  # the watch's clock: it says what happened in which block
                    random=random,
                    until=self._end_of_units(),
                    at_least_one=self._contests == 1,
                )
            except RoundsOutOfTime:
                self._put_off = True
                continue
            except SideFailed as ended:
                candidate.end(ended)
                if pair.clients[ended.arm].ended:
                    # Whoever else was to be measured in this process is measured in the next.
                    raise SideLost(ended.arm, str(ended.error)) from None
                continue
            measurement = candidate.take(self._units, rounds, time.monotonic() - start)
            store.write_pairing(writer, candidate.variant, measurement)

    def _target(self, claim: Claim) -> float:
        return self._asked.thresholds.loader_target if claim.loader else self._asked.thresholds.target

    def _result(self) -> GateResult:
        verdicts = self._state.verdicts()
        head = self._said.get(Side.HEAD)
        watched = self._watch.remarks(head.environment if head else {}, self._state.measurements())
        limits = self._asked.thresholds
        return GateResult(
            base=self._facts(self._asked.sides[0]),
            head=self._facts(self._asked.sides[1]),
            verdicts=tuple(verdicts),
            status=status_of(verdicts),
            decisions=self._state.decisions,
            target=limits.target,
            loader_target=limits.loader_target,
            alpha=limits.alpha,
            units=self._units,
            seconds=time.monotonic() - self._start,
            notes=tuple(dict.fromkeys([*self._notes, *watched])),
            selftest=self._asked.selftest,
        )

    def _facts(self, command: SideCommand) -> SideFacts:
        said = self._said.get(command.side)
        return SideFacts(
            command.side,
            self._asked.labels[command.side],
            command.python,
            dict(command.shown),
            said.packages if said else (),
            dict(said.environment) if said else {},
        )
