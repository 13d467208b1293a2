"""``gate --baseline RUN``: this code now, against a stored run; one after the other, with the wider error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import store
from harness.bench.settings import PROFILES, effort
from harness.claims.folder import BenchmarkFolder
from harness.claims.selection import select
from harness.errors import UsageError
from harness.exit_status import INTERRUPTED
from harness.gate.builds.side import NothingToCompare
from harness.gate.settings import BaselineSettings, GateDisplay
from harness.judge.baseline import BaselineGate, CurrentCases
from harness.judge.comparable import device_kind
from harness.judge.regression import status_of
from harness.judge.units import SECONDS
from harness.model import (
    SCHEMA,
    Claim,
    EndReason,
    GateNote,
    GateResult,
    Measurement,
    NoteCode,
    RunEnd,
    Side,
    SideFacts,
    benchmark_of,
    text_notes,
)
from harness.monitor.run import Monitor
from harness.program import advised
from harness.store import Run
from harness.store.runs import RUNS, find, open_entry
from harness.workers.pool import CaseRequest, WorkerPool, WorkerReport
from harness.workers.spare import WorkerSettings, file_limits

UNITS = 14
"""Invocations to measure, unless the stored run has fewer."""


def compare_with_saved(settings: BaselineSettings, display: GateDisplay) -> tuple[GateResult, Path]:
    """Measure what the stored run measured, as often, and judge; gives the result and the folder of the
    samples.

    Raises UsageError, StoreError, NothingToCompare, WorkerError.
    """
    entry = find(settings.baseline, settings.results, RUNS)
    saved = open_entry(entry)
    chosen = {f"{claim.path}::{claim.function}": claim for claim in settings.claims}
    counts = Counter(measurement.case for measurement in saved.measurements if not measurement.survey)
    started = datetime.now(UTC).astimezone()
    folder = store.new_run_folder(settings.results, started)
    start = time.monotonic()
    facts: dict[str, Any] = {
        "command": ["gate", "--baseline", settings.baseline, "--device", settings.device],
        "budget": settings.seconds,
        "profile": store.GATE,
        "benchmarks": str(settings.benchmarks),
        "data": str(settings.data or ""),
        "python": sys.executable,
        "started": started.isoformat(timespec="seconds"),
    }
    writer = store.open_run(folder, list(settings.claims), **facts)
    notes = [GateNote(NoteCode.STORED_RUN, detail=remark) for remark in display.remarks(saved)]
    measurements: list[Measurement] = []
    monitor = Monitor(folder, settings.watch, note=display.note)

    def begins(case: str, unit: int) -> None:
        monitor.begins(case, unit)
        display.begins(case, unit)

    try:
        with (
            monitor,
            WorkerPool(
                WorkerSettings(
                    sys.executable,
                    settings.benchmarks,
                    folder,
                    settings.device,
                    settings.data,
                    width=2,
                    time_limits=file_limits(settings.claims),
                ),
                begins=begins,
                ends=monitor.ends,
                tick=display.tick,
            ) as pool,
        ):
            found = pool.collect(sorted({claim.path for claim in settings.claims}))
            found.keep(chosen)
            found.account_for(settings.claims)
            writer.write("header", schema=SCHEMA, environment=found.environment, planned=list(found.cases))
            monitor.measures_on(found.environment)
            refuse_other_machine(saved.environment, found.environment)
            now = Run(folder, facts, tuple(settings.claims), found.environment, ())
            refuse_other_device(saved, now)
            wanted = {case: chosen[benchmark_of(case)] for case in found.cases if counts[case]}
            goal = min(UNITS, max(counts.values(), default=0)) if wanted else 0

            def take(unit: int, report: WorkerReport) -> None:
                measurements.extend(map(monitor.marked, report.measurements))
                if report.unfinished is not None:
                    store.write_measurement(writer, report.unfinished)
                    measurements.append(report.unfinished)
                if report.error:
                    notes.append(GateNote(NoteCode.TEXT, detail=report.error))
                display.unit(unit, 0, len(wanted), 0, time.monotonic() - start)

            end = _measure(pool, wanted, goal, start + settings.seconds, take)
    except KeyboardInterrupt:
        if not measurements:
            raise
        # While the processes were ended: what they measured is judged.
        end = EndReason.INTERRUPTED
    if end is not EndReason.ALL_MEASURED:
        notes.append(GateNote(NoteCode.ENDED_EARLY, end=end))
    store.write_end(writer, RunEnd(end))
    writer.close()
    verdicts = BaselineGate(
        saved,
        CurrentCases(
            replace(now, measurements=tuple(measurements)),
            found.cases,
            found.unavailable,
            found.skipped,
            found.failed,
        ),
        chosen,
        _expected(saved, settings.select),
        settings.thresholds,
        settings.accepted,
    ).verdicts()
    result = GateResult(
        base=SideFacts(Side.BASE, f"stored run {entry.label}", environment=dict(saved.environment)),
        head=SideFacts(Side.HEAD, "this code, now", sys.executable, environment=dict(found.environment)),
        verdicts=tuple(verdicts),
        status=INTERRUPTED if end is EndReason.INTERRUPTED else status_of(verdicts),
        decisions=sum(verdict.metric == SECONDS and verdict.comparison is not None for verdict in verdicts),
        target=settings.thresholds.target,
        loader_target=settings.thresholds.loader_target,
        alpha=settings.thresholds.alpha,
        units=max((measurement.invocation for measurement in measurements), default=0),
        seconds=time.monotonic() - start,
        started=started.isoformat(timespec="seconds"),
        notes=(*notes, *text_notes(display.remarks(monitor.watched(found.environment, measurements)))),
    )
    return result, folder


def _measure(
    pool: WorkerPool,
    wanted: Mapping[str, Claim],
    units: int,
    deadline: float,
    take: Callable[[int, WorkerReport], None],
) -> EndReason:
    """Measure so many invocations of these cases, as a standard run does; gives why no more came.

    An interrupt keeps what was measured before the invocation that it ended.
    """
    compute = max(1, sum(not claim.loader for claim in wanted.values()))
    try:
        for unit in range(1, units + 1):
            # One reading of the allocator's peaks is enough: they are exact.
            plan = {
                case: CaseRequest(
                    claim,
                    effort(PROFILES["standard"], 600.0, compute, loader=claim.loader),
                    None,
                    memory=unit == 1,
                    first=unit == 1,
                )
                for case, claim in wanted.items()
            }
            report = pool.measure(unit, plan, deadline=deadline, ahead=units - unit + 1)
            take(unit, report)
            if report.out_of_time or time.monotonic() >= deadline:
                return EndReason.BUDGET_USED
    except KeyboardInterrupt:
        return EndReason.INTERRUPTED
    return EndReason.ALL_MEASURED


def _expected(saved: Run, words: tuple[str, ...]) -> frozenset[str]:
    """The benchmarks of the stored run that ``words`` select."""
    try:
        return select(BenchmarkFolder(saved.folder, saved.claims), words).functions()
    except UsageError:  # the stored run has nothing by that name
        return frozenset()


def refuse_other_device(saved: Run, now: Run) -> None:
    """Raises NothingToCompare if the stored run was measured on the other kind of device."""
    there, here = device_kind(saved), device_kind(now)
    if there != here:
        raise NothingToCompare(
            f"the stored run was measured on {there}, and this would be on {here}: --device {there}"
        )


def refuse_other_machine(saved: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raises NothingToCompare if the environment of the stored run has another machine, driver, torch or
    flags."""
    there, here = _identity(saved), _identity(now)
    differing = [
        f"{name}: {there[name]} there, {here[name]} here" for name in here if there[name] != here[name]
    ]
    if differing:
        raise NothingToCompare(
            f"the stored run is from another environment ({'; '.join(differing)}); measure a run here with "
            f"{advised('bench')}, or compare with --base REV"
        )


def _identity(environment: Mapping[str, object]) -> dict[str, object]:
    """What must be equal for two runs to be comparable one after the other."""
    gpus = environment.get("gpus")
    return {
        "machine": environment.get("machine_id"),
        "GPUs": [_at(gpu, "name") for gpu in gpus] if isinstance(gpus, list) else [],
        "driver": _at(environment, "driver", "version"),
        "torch": _at(environment, "software", "torch"),
        "Python": _at(environment, "software", "python"),
        "torch's flags": environment.get("flags"),
        "usable cores": _at(environment, "machine", "usable_cores"),
    }


def _at(found: object, *path: str) -> object:
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
