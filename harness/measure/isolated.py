"""The isolated pass: one variant alone in a fresh process, for what processes with several cannot
attribute."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from harness.measure.case import MeasureOptions, local
from harness.measure.failure import failure, logged
from harness.measure.local_runner import LocalRunner
from harness.measure.runner import readings_of
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import CaseWarning, Claim, Measurement, Status, Trial, WarningCode

if TYPE_CHECKING:
    import torch

    from harness.probes import Probe, ProbeReading

SOURCE = "alone in a fresh process"


def measure_isolated(
    case: str, claim: Claim, spec: BenchmarkSpec, options: MeasureOptions, name: str
) -> Measurement:
    """Memory, CPU-seconds and leftovers of one variant; the process is to be thrown away afterwards."""
    start = perf_counter()
    status, reason = Status.MEASURED, ""
    readings: dict[str, float] = {}
    sources: dict[str, str] = {}
    warnings: list[CaseWarning] = []
    given = spec.variants[name]
    assert isinstance(given, Variant)
    runner = local(name, given, claim, options.device)
    try:
        readings, sources, warnings = _watch(runner, options.device)
    except Exception as error:
        status, reason = Status.FAILED, logged(error)
    trial = Trial(name, status, reason, spec.expect[name], solo=readings, sources=sources)
    return Measurement(
        case=case,
        claim=claim.name,
        invocation=options.invocation,
        trials=(trial,),
        work=spec.work,
        seconds=perf_counter() - start,
        survey=True,
        warnings=tuple(warnings),
    )


def _watch(
    runner: LocalRunner, device: torch.device
) -> tuple[dict[str, float], dict[str, str], list[CaseWarning]]:
    """Run the variant's round with every probe around it; readings, their sources, and warnings."""
    from harness.probes import PROBES, ProbeSubject, ProcessTree

    subject = ProbeSubject(ProcessTree(os.getpid()), device)
    probes = _Probes([make(subject) for make in PROBES])
    probes.before()
    runner.setup()
    _, first = runner.first_call()
    leave_early: Callable[[], object] | None = getattr(runner.iteration, "leave_early", None)
    readings, sources = _alone(runner, device)
    if runner.window_seconds and (wait := readings_of(first).get("first_batch_seconds")) is not None:
        # Windows have no first batch.
        readings["first_batch_seconds"] = wait
        sources["first_batch_seconds"] = f"its first epoch, {SOURCE}"
    probes.start()
    try:
        # Not a window: what probes count would include its lead-in.
        turn = runner.run_iterations(1, 0)
    finally:
        probes.stop()
    probes.read(SOURCE, turn.part)
    own = {"seconds": turn.each(1)}
    if "cpu_seconds" in turn.readings:
        # The runner's own account leaves the watching out.
        own["cpu_seconds"] = turn.readings["cpu_seconds"]
    if leave_early is not None:
        leave_early()
    runner.teardown()
    probes.after(f"after leaving an epoch early, {SOURCE}" if leave_early else SOURCE, turn.part)
    readings |= own | probes.readings
    sources |= dict.fromkeys(own, SOURCE) | probes.sources
    return readings, sources, probes.warnings


class _Probes:
    """The probes of one pass. One that fails is a warning, and is not called again."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._alive = list(probes)
        self._started: list[Probe] = []
        self.readings: dict[str, float] = {}
        self.sources: dict[str, str] = {}
        self.warnings: list[CaseWarning] = []

    def before(self) -> None:
        """Let every probe look before anything is set up."""
        for probe in list(self._alive):
            self._tried(probe, probe.before)

    def start(self) -> None:
        """Start every probe."""
        for probe in list(self._alive):
            if self._tried(probe, probe.start):
                self._started.append(probe)

    def stop(self) -> None:
        """Stop those that were started, the last one first."""
        while self._started:
            probe = self._started.pop()
            self._tried(probe, probe.stop)

    def read(self, source: str, part: float) -> None:
        """Collect readings of the round; those that count work are divided by ``part``, the share of an
        iteration in it."""
        self._keep([(probe, probe.read) for probe in self._alive], source, part)

    def after(self, source: str, part: float) -> None:
        """Collect what is known only once everything is over."""
        self._keep([(probe, probe.after) for probe in self._alive], source, part)

    def _keep(
        self,
        giving: Iterable[tuple[Probe, Callable[[], Mapping[str, ProbeReading]]]],
        source: str,
        part: float,
    ) -> None:
        for probe, give in giving:
            found: dict[str, ProbeReading] = {}
            self._tried(probe, partial(_collect, give, found))
            for name, reading in found.items():
                self.readings[name] = reading.value / part if probe.counts else reading.value
                self.sources[name] = f"{reading.source}, {source}" if reading.source else source

    def _tried(self, probe: Probe, work: Callable[[], object]) -> bool:
        try:
            work()
        except Exception as error:
            self._alive.remove(probe)
            detail, metrics = f"no {probe.name}: {failure(error)}", ", ".join(probe.metrics)
            self.warnings.append(CaseWarning(WarningCode.NOT_WATCHED, detail=detail, quantity=metrics))
            return False
        return True


def _collect(give: Callable[[], Mapping[str, ProbeReading]], found: dict[str, ProbeReading]) -> None:
    found.update(give())


def _alone(runner: LocalRunner, device: torch.device) -> tuple[dict[str, float], dict[str, str]]:
    """An epoch without the step, where the iteration offers that, right after the first one: its time, and
    the gap."""
    from harness.measure.clock import clock_for

    alone: Callable[[], object] | None = getattr(runner.iteration, "alone", None)
    if alone is None:
        return {}, {}
    lap = clock_for(device, synchronous=True).lap(alone, 1)
    readings = {"loader_seconds": lap.seconds / runner.part}
    if (gap := readings_of(lap.result).get("epoch_gap_seconds")) is not None:
        readings["epoch_gap_seconds"] = gap
    return readings, dict.fromkeys(readings, f"an epoch without the step after one with it, {SOURCE}")
