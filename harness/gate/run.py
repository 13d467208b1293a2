"""A gate from beginning to end: pairs of live processes, unit after unit, until every decision has fallen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from harness import store
from harness.gate.base_revision import BaseRevision, collect_cases
from harness.gate.extra_passes import ExtraPasses
from harness.gate.first_check import FirstCheck, first_check
from harness.gate.result import gate_result
from harness.gate.resume import GateResumption, reported, request_of
from harness.gate.settings import GateDisplay, GateSettings
from harness.gate.state import GateState
from harness.gate.units import GateUnits
from harness.model import SCHEMA, GateNote, GateResult, NoteCode, Side, text_notes
from harness.monitor.run import Monitor
from harness.store.parts import being_measured, part_file
from harness.workers.collect import WorkerError
from harness.workers.protocol import SideInfo

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
    settings: GateSettings,
    folder: Path,
    screen: GateDisplay,
    check: Check = lambda _: (),
    resumption: GateResumption | None = None,
) -> GateResult:
    """Run the gate, or what is missing of one that is resumed, and give its result; every pair of samples is
    in ``folder`` as soon as it is measured.

    ``check`` receives what both sides report of themselves before anything is measured; what it raises ends
    the gate, what it gives are notes. Raises WorkerError, StoreError, OtherEnvironment, and GateInterrupted
    when the processes are gone.
    """
    return _Gate(settings, folder, screen, check, resumption).run()


class _Gate:
    """One gate in progress."""

    def __init__(
        self,
        settings: GateSettings,
        folder: Path,
        screen: GateDisplay,
        check: Check,
        resumption: GateResumption | None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._screen = screen
        self._check = check
        self._info: dict[Side, SideInfo] = {}
        self._notes: list[GateNote] = []
        self._warned: set[tuple[str, str]] = set()
        self._resumption = resumption
        self._monitor = Monitor(
            folder,
            settings.watch,
            note=screen.note,
            name=part_file(store.TELEMETRY_FILE, resumption.part if resumption else 1),
        )
        self._start = time.monotonic()
        self._state = GateState(
            settings.claims, settings.thresholds, selftest=settings.selftest, accepted=settings.accepted
        )
        end = self._start + settings.seconds
        self._after = resumption.unit if resumption else 0
        self._writer = self._opened()
        self._units = GateUnits(
            settings,
            folder,
            screen,
            self._state,
            self._monitor,
            end=end,
            introduced=self._introduced,
            after=self._after,
        )
        self._extra = ExtraPasses(
            self._units.pair,
            self._units.plan,
            settings.thresholds,
            folder,
            screen,
            lambda: time.monotonic() >= end,
        )

    def _opened(self) -> store.Writer:
        """The record of this part, with its first line."""
        settings = self._settings
        if self._resumption:
            part = self._resumption.part
            return store.open_resumed(self._folder, part, after=self._after, first=store.GATE_FILE)
        request = {} if settings.sources is None else {"request": request_of(settings, settings.sources)}
        labels = settings.labels
        return store.open_gate(
            self._folder, settings.claims, base=labels[Side.BASE], head=labels[Side.HEAD], **request
        )

    def run(self) -> GateResult:
        try:
            with ExitStack() as stack:
                if not self._resumption:  # else it is marked since it was read
                    stack.enter_context(being_measured(self._folder, store.GATE_FILE))
                # Around all pairs: processes seen before the first starts, or after the last is gone, are not
                # ours.
                stack.enter_context(self._monitor)
                self._state.before = self._before()
                self._units.first = self._check_first()
                self._notes += self._units.first.notes
                if self._resumption:
                    self._state.restore(self._resumption.known())
                    decided, decisions, _ = self._state.count()
                    self._screen.note(self._resumption.described(decided, decisions))
                self._run_units()
                if not self._settings.selftest:
                    self._notes += self._extra.explain(
                        self._state, self._units.number + 1, self._units.random()
                    )
        except KeyboardInterrupt:
            self._notes.append(GateNote(NoteCode.INTERRUPTED))
            raise GateInterrupted(self._result()) from None
        finally:
            self._writer.close()
        return self._result()

    def _run_units(self) -> None:
        units, state = self._units, self._state
        while units.taken < self._settings.thresholds.cap and (units.taken == 0 or state.cases_wanted()):
            if units.taken and units.late_for_another():
                self._notes.append(GateNote(NoteCode.BUDGET_USED, seconds=self._settings.seconds))
                state.out_of_time()
                break
            units.measure(self._writer)
            if units.taken == 1 and self._on_gpu:
                self._notes += self._extra.count(state, units.random())
            self._show_outlook()
            self._screen.unit(units.number, *state.count(), time.monotonic() - self._start)

    def _introduced(self, info: Mapping[Side, SideInfo]) -> None:
        self._info = dict(info)
        self._monitor.measures_on(*(one.environment for one in info.values()))
        self._writer.write(
            "header",
            schema=SCHEMA,
            **reported(info),
            planned=[],
        )
        if self._resumption:
            self._resumption.check_sides(info)
        self._notes += self._check(info)

    @property
    def _on_gpu(self) -> bool:
        head = self._info.get(Side.HEAD)
        return head is not None and head.environment.get("device", {}).get("type") == "cuda"

    def _show_outlook(self) -> None:
        """Show when the first decisions can be made, and early which of them are not likely to be."""
        if self._units.taken == 1 and (looks := self._state.first_looks()) is not None:
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

    def _result(self) -> GateResult:
        head = self._info.get(Side.HEAD)
        # What was seen before belongs to earlier parts.
        own = [one for one in self._state.measurements() if one.invocation > self._after]
        monitored = self._monitor.watched(head.environment if head else {}, own)
        return gate_result(
            self._settings,
            self._info,
            self._state,
            units=self._units.number,
            seconds=time.monotonic() - self._start,
            notes=tuple(dict.fromkeys([*self._notes, *text_notes(self._screen.remarks(monitored))])),
        )
