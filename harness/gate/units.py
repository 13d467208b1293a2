"""The units of a gate: fresh pairs of live processes, whose samples are written as they are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random, SystemRandom

from harness import store
from harness.gate.decision import Decision, least_of
from harness.gate.first_check import FirstCheck
from harness.gate.limits import effort_for, in_time
from harness.gate.pair import SideLost, WorkerPair
from harness.gate.settings import GateDisplay, GateSettings
from harness.gate.state import GateState
from harness.judge.gate_verdicts import EXACT
from harness.measure.paired import PairSettings, RoundsOutOfTime, SideFailed, paired_rounds
from harness.model import BASELINE, Side
from harness.monitor.run import Monitor
from harness.workers.collect import WorkerError
from harness.workers.protocol import SideInfo, SidePlan

EXPLAINING = 0.1
"""Share of the budget that is kept for profiles of what regressed, once anything looks as if it may have."""

Introduced = Callable[[Mapping[Side, SideInfo]], None]


class GateUnits:
    """Measures unit after unit. The budget is used up at ``end``.

    ``introduced`` receives what both sides report of themselves before anything is measured. ``number`` is
    that of the unit in hand, or of the last one; an earlier part of the gate has those up to ``after``.
    ``idle``: it had no time for any of its measurements. ``first`` is what is known before anything is timed.
    """

    def __init__(
        self,
        settings: GateSettings,
        folder: Path,
        screen: GateDisplay,
        state: GateState,
        monitor: Monitor,
        *,
        end: float,
        introduced: Introduced,
        after: int = 0,
    ) -> None:
        self.number = self._before = after
        self.idle = False
        self.first = FirstCheck()
        self._settings = settings
        self._folder = folder
        self._screen = screen
        self._state = state
        self._monitor = monitor
        self._end = end
        self._introduce = introduced
        self._introduced = False
        self._system_random = SystemRandom()
        self._began = 0.0
        self._seconds = 0.0
        self._start_up = 0.0
        self._measured = 0
        self._put_off = False

    @property
    def taken(self) -> int:
        """How many units were begun."""
        return self.number - self._before

    def late(self, needed: float = 0.0) -> bool:
        """Whether what needs so many seconds would end after the time for units."""
        return time.monotonic() + needed >= self._end_of_units()

    def late_for_another(self) -> bool:
        """Whether another unit would end after it, whatever it measures."""
        return self.idle or self.late(self._start_up + self._state.least_seconds())

    def random(self) -> Random:
        """Chance that no earlier draw has any part in."""
        return Random(self._system_random.getrandbits(64))

    def pair(self, files: list[str], unit: int) -> WorkerPair:
        """A pair of processes that import these files."""
        return WorkerPair(
            self._settings.sides, self._settings.benchmarks, files, self._folder, unit, tick=self._screen.tick
        )

    def plan(self, random: Random, *, introduce: bool = False) -> SidePlan:
        """How a pair is to measure."""
        return SidePlan(
            (),
            self._settings.device,
            self._settings.data,
            core=random.getrandbits(16),
            introduce=introduce,
            under_test=self._settings.under_test,
        )

    def measure(self, writer: store.Writer) -> None:
        """Measure the next unit, and judge. Raises WorkerError where it measured nothing."""
        self.number += 1
        before = self._state.progress()
        self._began = time.monotonic()
        self._put_off = False
        with self.pair(self._state.files_wanted(), self.number) as pair:
            random = self.random()
            try:
                self._lead(pair, random, writer)
            except SideLost as lost:
                self._state.mark_lost(lost)
                if not self._introduced:
                    raise WorkerError(
                        f"the {lost.side} side ended before it introduced itself: {lost}"
                    ) from None
        self.idle = self._put_off and self._state.progress() == before
        if self.taken > 1 and self._state.progress() == before and not self._put_off:
            raise WorkerError(f"unit {self.number} measured nothing; see the logs in {self._folder}")
        self._state.mark(self.number, self._monitor.marked)
        self._state.decide()
        self._seconds = time.monotonic() - self._began

    def _end_of_units(self) -> float:
        """When measuring ends: in time for profiles where there may be something to explain."""
        kept = (
            EXPLAINING * self._settings.seconds
            if self._state.suspects() and not self._settings.selftest
            else 0.0
        )
        return self._end - kept

    def _lead(self, pair: WorkerPair, random: Random, writer: store.Writer) -> None:
        first = not self._introduced
        self._state.collect(pair)
        cases = self._state.cases_wanted()
        random.shuffle(cases)
        left = self._end_of_units() - time.monotonic()
        cases = in_time(cases, self._state.early(), left, self._seconds)
        info = pair.begin(cases, self.plan(random, introduce=first))
        if first:
            self._introduced = True
            self._introduce(info)
        began = False
        for case, states in pair.walk(random):
            if not began:
                began, self._start_up = True, time.monotonic() - self._began
            new = self._state.enter(case, self.first.states(case, states), self.first.changed.get(case, ""))
            if new:
                store.write_case(writer, case, new)
            self._screen.begins(case, self.number)
            with self._monitor.measuring(case, self.number):
                self._measure(pair, case, random, writer)
            if self.late():
                break

    def _measure(self, pair: WorkerPair, case: str, random: Random, writer: store.Writer) -> None:
        wanted = self._state.wanted(case)
        random.shuffle(wanted)
        if not all(decision.measurements for decision in wanted):
            # Correctness first: before anything is timed, each variant's result is checked against its side's
            # baseline.
            wanted.sort(key=lambda decision: decision.variant != BASELINE)
        for decision in wanted:
            if self._measured and self.late(decision.least_seconds or least_of(wanted)):
                self._put_off = True
                continue
            self._measured += 1
            self._measure_variant(pair, decision, random, writer)

    def _measure_variant(
        self, pair: WorkerPair, decision: Decision, random: Random, writer: store.Writer
    ) -> None:
        start, claim = time.monotonic(), decision.claim
        limits = self._settings.thresholds.of(claim)
        target = limits.loader_target if claim.loader else limits.target
        for client in pair.clients.values():
            client.timeout = claim.time_limit
            # On a busy machine longer, as far as there is time.
            client.longest = max(claim.time_limit, self._end_of_units() - start)
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
                    () if decision.measurements or claim.loader else EXACT,
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
            measurement = decision.take(self.number, rounds, time.monotonic() - start)
            store.write_pairing(writer, decision.variant, measurement)
