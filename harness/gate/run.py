"""A gate from beginning to end: pairs of live processes, unit after unit, until every decision has fallen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness import store
from harness.gate.base_revision import BaseRevision, collect_cases
from harness.gate.extra_passes import ExtraPasses
from harness.gate.first_check import FirstCheck, first_check
from harness.gate.result import gate_result
from harness.gate.settings import GateDisplay, GateSettings
from harness.gate.state import GateState
from harness.gate.units import GateUnits
from harness.model import SCHEMA, GateNote, GateResult, NoteCode, Side, text_notes
from harness.monitor.run import Monitor
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
        self._warned: set[tuple[str, str]] = set()
        self._monitor = Monitor(folder, settings.watch, note=screen.note)
        self._start = time.monotonic()
        self._state = GateState(
            settings.claims, settings.thresholds, selftest=settings.selftest, accepted=settings.accepted
        )
        end = self._start + settings.seconds
        labels = settings.labels
        self._writer = store.open_gate(
            folder, settings.claims, base=labels[Side.BASE], head=labels[Side.HEAD]
        )
        self._units = GateUnits(
            settings, folder, screen, self._state, self._monitor, end=end, introduced=self._introduced
        )
        self._extra = ExtraPasses(
            self._units.pair,
            self._units.plan,
            settings.thresholds,
            folder,
            screen,
            lambda: time.monotonic() >= end,
        )

    def run(self) -> GateResult:
        try:
            # Around all pairs: processes seen before the first starts, or after the last is gone, are not
            # ours.
            with self._monitor:
                self._state.before = self._before()
                self._units.first = self._check_first()
                self._notes += self._units.first.notes
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
        while units.number < self._settings.thresholds.cap and (units.number == 0 or state.cases_wanted()):
            if units.number and units.late_for_another():
                self._notes.append(GateNote(NoteCode.BUDGET_USED, seconds=self._settings.seconds))
                state.out_of_time()
                break
            units.measure(self._writer)
            if units.number == 1 and self._on_gpu:
                self._notes += self._extra.count(state, units.random())
            self._show_outlook()
            self._screen.unit(units.number, *state.count(), time.monotonic() - self._start)

    def _introduced(self, info: Mapping[Side, SideInfo]) -> None:
        self._info = dict(info)
        self._monitor.measures_on(*(one.environment for one in info.values()))
        self._writer.write(
            "header",
            schema=SCHEMA,
            environment=dict(info[Side.HEAD].environment),
            base_environment=dict(info[Side.BASE].environment),
            planned=[],
        )
        self._notes += self._check(info)

    @property
    def _on_gpu(self) -> bool:
        head = self._info.get(Side.HEAD)
        return head is not None and head.environment.get("device", {}).get("type") == "cuda"

    def _show_outlook(self) -> None:
        """Show when the first decisions can be made, and early which of them are not likely to be."""
        if self._units.number == 1 and (looks := self._state.first_looks()) is not None:
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
        monitored = self._monitor.watched(head.environment if head else {}, self._state.measurements())
        return gate_result(
            self._settings,
            self._info,
            self._state,
            units=self._units.number,
            seconds=time.monotonic() - self._start,
            notes=tuple(dict.fromkeys([*self._notes, *text_notes(self._screen.remarks(monitored))])),
        )
