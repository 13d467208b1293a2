"""A gate from beginning to end: pairs of live processes, unit after unit, until every decision has fallen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

from harness import store
from harness.gate.base_revision import BaseRevision, collect_cases
from harness.gate.decision import Decision, least_of
from harness.gate.extra_passes import ExtraPasses
from harness.gate.first_check import FirstCheck, first_check
from harness.gate.limits import effort_for, in_time
from harness.gate.pair import SideLost, WorkerPair
from harness.gate.result import gate_result
from harness.gate.settings import GateDisplay, GateSettings
from harness.gate.state import GateState
from harness.judge.gate_verdicts import EXACT
from harness.measure.paired import PairSettings, RoundsOutOfTime, SideFailed, paired_rounds
from harness.model import BASELINE, SCHEMA, GateNote, GateResult, NoteCode, Side, text_notes
from harness.monitor.run import Monitor
from harness.workers.collect import WorkerError
from harness.workers.protocol import SideInfo, SidePlan

EXPLAINING = 0.1
"""Share of the budget that is kept for profiles of what regressed, once anything looks as if it may have."""

MOST_WARNED = 5
"""Decisions that are not likely to be made, of which each has a line while the gate goes on; the report has
all."""

Check = Callable[[Mapping[Side, SideInfo]], Sequence[GateNote]]


class GateInterrupted(KeyboardInterrupt):
    """The user interrupted a gate; ``result`` is what was decided by then."""

    def __init__(self, result: GateResult) -> None:
        super().__init__("the gate was interrupted")
        self.result = result


def gate(
    settings: GateSettings, folder: Path, screen: GateDisplay, check: Check = lambda _: ()
) -> GateResult:
    """Run the gate and give its result; every pair of samples is in ``folder`` as soon as it is measured.

    ``check`` receives what both sides report of themselves before anything is measured; what it raises ends
    the gate, what it gives are notes. Raises WorkerError, StoreError, and GateInterrupted when the processes
    are gone.
    """
    return _Gate(settings, folder, screen, check).run()


class _Gate:
    """One gate in progress."""

    def __init__(self, settings: GateSettings, folder: Path, screen: GateDisplay, check: Check) -> None:
        self._settings = settings
        self._folder = folder
        self._screen = screen
        self._check = check
        self._info: dict[Side, SideInfo] = {}
        self._notes: list[GateNote] = []
        self._units = 0
        self._unit_seconds = 0.0
        self._warned: set[tuple[str, str]] = set()
        self._random = SystemRandom()
        self._monitor = Monitor(folder, settings.watch, note=screen.note)
        self._start = time.monotonic()
        self._end = self._start + settings.seconds
        plan = partial(self._plan, introduce=False)
        self._extra = ExtraPasses(
            self._pair, plan, settings.thresholds, folder, screen, lambda: time.monotonic() >= self._end
        )
        self._unit_began = self._start
        self._start_up = 0.0
        self._measured = 0
        self._put_off = self._idle = False
        self._first = FirstCheck()
        self._state = GateState(
            settings.claims, settings.thresholds, selftest=settings.selftest, accepted=settings.accepted
        )

    def run(self) -> GateResult:
        labels = self._settings.labels
        writer = store.open_gate(
            self._folder, self._settings.claims, base=labels[Side.BASE], head=labels[Side.HEAD]
        )
        try:
            # Around all pairs: processes seen before the first starts, or after the last is gone, are not
            # ours.
            with self._monitor:
                self._state.before = self._before()
                self._first = self._check_first()
                self._notes += self._first.notes
                self._run_units(writer)
                if not self._settings.selftest:
                    self._notes += self._extra.explain(self._state, self._units + 1, self._fresh_random())
        except KeyboardInterrupt:
            self._notes.append(GateNote(NoteCode.INTERRUPTED))
            raise GateInterrupted(self._result()) from None
        finally:
            writer.close()
        return self._result()

    def _run_units(self, writer: store.Writer) -> None:
        while self._units < self._settings.thresholds.cap and (
            self._units == 0 or self._state.cases_wanted()
        ):
            if self._units and (self._idle or self._late(self._start_up + self._state.least_seconds())):
                self._notes.append(GateNote(NoteCode.BUDGET_USED, seconds=self._settings.seconds))
                self._state.out_of_time()
                break
            self._units += 1
            start = time.monotonic()
            self._unit(writer)
            self._unit_seconds = time.monotonic() - start
            if self._units == 1 and self._on_gpu:
                self._notes += self._extra.count(self._state, self._fresh_random())
            self._show_outlook()
            self._screen.unit(self._units, *self._state.count(), time.monotonic() - self._start)

    @property
    def _on_gpu(self) -> bool:
        head = self._info.get(Side.HEAD)
        return head is not None and head.environment.get("device", {}).get("type") == "cuda"

    def _late(self, needed: float = 0.0) -> bool:
        """Whether what needs so many seconds would end after the time for units."""
        return time.monotonic() + needed >= self._end_of_units()

    def _show_outlook(self) -> None:
        """Show when the first decisions can be made, and early which of them are not likely to be."""
        if self._units == 1 and (looks := self._state.first_looks()) is not None:
            self._screen.first_looks(len(self._state.decisions), looks)
        for decision in self._state.wanted():
            name = decision.case, decision.variant
            if decision.outlook is not None and name not in self._warned:
                if len(self._warned) < MOST_WARNED:
                    self._screen.unlikely(*name, decision.outlook)
                self._warned.add(name)

    def _before(self) -> BaseRevision | None:
        """What base's own revision has; if its cases cannot be collected, that is a note."""
        settings, before = self._settings, self._settings.before
        if before is None:
            return None
        try:
            return collect_cases(
                before,
                settings.claims,
                settings.sides[0],
                self._folder,
                device=settings.device,
                data=settings.data,
                tick=self._screen.tick,
            )
        except WorkerError as error:
            self._notes.append(GateNote(NoteCode.BASE_NOT_COLLECTED, detail=str(error)))
            return before

    def _check_first(self) -> FirstCheck:
        settings = self._settings
        return first_check(
            settings.sides,
            settings.benchmarks,
            settings.claims,
            device=settings.device,
            data=settings.data,
            tick=self._screen.tick,
            accepted=settings.accepted,
        )

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
                if not self._info:
                    raise WorkerError(
                        f"the {lost.side} side ended before it introduced itself: {lost}"
                    ) from None
        self._idle = self._put_off and self._state.progress() == before
        if self._units > 1 and self._state.progress() == before and not self._put_off:
            raise WorkerError(f"unit {self._units} measured nothing; see the logs in {self._folder}")
        self._state.mark(self._units, self._monitor.marked)
        self._state.decide()

    def _fresh_random(self) -> Random:
        return Random(self._random.getrandbits(64))

    def _pair(self, files: list[str], unit: int) -> WorkerPair:
        return WorkerPair(
            self._settings.sides, self._settings.benchmarks, files, self._folder, unit, tick=self._screen.tick
        )

    def _lead(self, pair: WorkerPair, random: Random, writer: store.Writer) -> None:
        first = not self._info
        self._state.collect(pair)
        cases = self._state.cases_wanted()
        random.shuffle(cases)
        left = self._end_of_units() - time.monotonic()
        cases = in_time(cases, self._state.early(), left, self._unit_seconds)
        info = pair.begin(cases, self._plan(random, introduce=first))
        if first:
            self._introduced(info, writer)
        began = False
        for case, states in pair.walk(random):
            if not began:
                began, self._start_up = True, time.monotonic() - self._unit_began
            self._state.enter(case, self._first.states(case, states), self._first.changed.get(case, ""))
            self._screen.begins(case, self._units)
            with self._monitor.measuring(case, self._units):
                self._measure(pair, case, random, writer)
            if self._late():
                break

    def _plan(self, random: Random, *, introduce: bool) -> SidePlan:
        return SidePlan(
            (),
            self._settings.device,
            self._settings.data,
            core=random.getrandbits(16),
            introduce=introduce,
            under_test=self._settings.under_test,
        )

    def _end_of_units(self) -> float:
        """When measuring ends: in time for profiles where there may be something to explain."""
        kept = (
            EXPLAINING * self._settings.seconds
            if self._state.suspects() and not self._settings.selftest
            else 0.0
        )
        return self._end - kept

    def _introduced(self, info: Mapping[Side, SideInfo], writer: store.Writer) -> None:
        self._info = dict(info)
        self._monitor.measures_on(*(one.environment for one in info.values()))
        writer.write(
            "header",
            schema=SCHEMA,
            environment=dict(info[Side.HEAD].environment),
            base_environment=dict(info[Side.BASE].environment),
            planned=[],
        )
        self._notes += self._check(info)

    def _measure(self, pair: WorkerPair, case: str, random: Random, writer: store.Writer) -> None:
        wanted = self._state.wanted(case)
        random.shuffle(wanted)
        fresh = not any(decision.measurements for decision in wanted)
        if fresh:
            # Correctness first: before anything is timed, each variant's result is checked against its side's
            # baseline.
            wanted.sort(key=lambda decision: decision.variant != BASELINE)
        for decision in wanted:
            if self._measured and self._late(decision.least_seconds or least_of(wanted)):
                self._put_off = True
                continue
            self._measured += 1
            self._measure_variant(pair, decision, random, writer, fresh=fresh)

    def _measure_variant(
        self, pair: WorkerPair, decision: Decision, random: Random, writer: store.Writer, *, fresh: bool
    ) -> None:
        start, claim = time.monotonic(), decision.claim
        limits = self._settings.thresholds.of(claim)
        target = limits.loader_target if claim.loader else limits.target
        for client in pair.clients.values():
            client.timeout = claim.time_limit
        try:
            rounds = paired_rounds(
                pair.runner(Side.BASE, decision.variant),
                pair.runner(Side.HEAD, decision.variant),
                PairSettings(
                    effort_for(
                        claim,
                        target,
                        clear=decision.clear,
                        wider=decision.wider(limits, len(self._state.decisions)),
                    ),
                    decision.iterations,
                    EXACT if fresh and not claim.loader else (),
                    until=self._end_of_units(),
                    at_least_one=self._measured == 1,
                ),
                now=time.monotonic,  # the monitor's clock: it records what happened in which block
                random=random,
            )
        except RoundsOutOfTime:
            self._put_off = True
        except SideFailed as ended:
            decision.end(ended)
            if pair.clients[ended.side].ended:
                # What else was to be measured in this process is measured in the next.
                raise SideLost(ended.side, str(ended.error)) from None
        else:
            measurement = decision.take(self._units, rounds, time.monotonic() - start)
            store.write_pairing(writer, decision.variant, measurement)

    def _result(self) -> GateResult:
        head = self._info.get(Side.HEAD)
        monitored = self._monitor.watched(head.environment if head else {}, self._state.measurements())
        return gate_result(
            self._settings,
            self._info,
            self._state,
            units=self._units,
            seconds=time.monotonic() - self._start,
            notes=tuple(dict.fromkeys([*self._notes, *text_notes(self._screen.remarks(monitored))])),
        )
