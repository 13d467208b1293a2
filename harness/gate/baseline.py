"""``gate --baseline RUN``: this code now, against a run that was stored; one after the other, with the wider error."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import store
from harness.bench.settings import PROFILES, effort, hertz, seconds, select, words
from harness.claims.folder import BenchmarkFolder
from harness.errors import UsageError
from harness.exit_status import INTERRUPTED
from harness.gate.builds import NothingToCompare
from harness.gate.settings import BUDGET
from harness.judge.baseline import BaselineGate, CurrentCases
from harness.judge.comparable import device_kind
from harness.judge.regression import GateThresholds, status_of
from harness.judge.runs import SECONDS
from harness.model import (
    SCHEMA,
    Claim,
    EndReason,
    GateResult,
    Measurement,
    RunEnd,
    Side,
    SideFacts,
    benchmark_of,
)
from harness.monitor.run import Monitor
from harness.program import advised
from harness.report.gate.progress import GateProgress
from harness.report.machine_notes import watch_remarks
from harness.store import Run
from harness.store.runs import find, open_entry
from harness.workers.pool import CaseRequest, WorkerPool, WorkerReport
from harness.workers.spare import WorkerSettings

UNITS = 14
"""Invocations to hold, unless the stored run has fewer."""

REFUSED = {
    "base": "--base",
    "base_python": "--base-python",
    "base_env": "--base-env",
    "head_python": "--head-python",
    "head_env": "--head-env",
    "threads": "--threads",
}
"""Options that say how two sides differ: here the stored run is the base, and this code is measured as it was."""

Finish = Callable[[GateResult, Path, argparse.Namespace, Path], int]


def refuse_beside_baseline(options: argparse.Namespace) -> None:
    """Raises UsageError for an option that cannot be meant beside ``--baseline``."""
    for name, option in REFUSED.items():
        value = getattr(options, name, None)
        if value not in (None, []):
            shown = " ".join(value) if isinstance(value, list) else value
            raise UsageError(
                f"{option}: {shown} cannot be meant beside --baseline, where the stored run is the base and this code "
                f"is measured as it was; leave out --baseline or {option}"
            )


def compare_with_saved(
    options: argparse.Namespace,
    benchmarks: Path,
    claims: Sequence[Claim],
    thresholds: GateThresholds,
    finish: Finish,
    accepted: Container[str] = (),
) -> int:
    """Measure what the stored run measured, as often, and judge.

    Raises UsageError, StoreError, NothingToCompare, WorkerError.
    """
    refuse_beside_baseline(options)
    rate = hertz(options.watch)
    entry = find(options.baseline, options.results, claims=True)
    stored = open_entry(entry)
    chosen = {f"{claim.path}::{claim.function}": claim for claim in claims}
    counts = Counter(measurement.case for measurement in stored.measurements if not measurement.survey)
    started = datetime.now(UTC).astimezone()
    folder = store.new_run_folder(options.results, started)
    start = time.monotonic()
    budget = seconds(options.budget) if options.budget else BUDGET
    data = options.data.resolve() if options.data else None
    facts = {
        "command": ["gate", "--baseline", str(options.baseline), "--device", options.device],
        "budget": budget,
        "profile": store.GATE,
        "benchmarks": str(benchmarks),
        "data": str(data or ""),
        "python": sys.executable,
        "started": started.isoformat(timespec="seconds"),
    }
    writer = store.open_run(folder, list(claims), **facts)
    notes = [f"the stored run: {remark}" for remark in watch_remarks(stored)]
    measurements: list[Measurement] = []
    screen = GateProgress(Console())
    watch = Monitor(folder, rate, note=screen.note)

    def begins(case: str, unit: int) -> None:
        watch.begins(case, unit)
        screen.begins(case, unit)

    with (
        screen,
        watch,
        WorkerPool(
            WorkerSettings(sys.executable, benchmarks, folder, options.device, data, width=2),
            begins=begins,
            ends=watch.ends,
            tick=screen.tick,
        ) as pool,
    ):
        called = pool.collect(sorted({claim.path for claim in claims}))
        called.keep(chosen)
        called.account_for(claims)
        writer.write("header", schema=SCHEMA, environment=called.environment, planned=list(called.cases))
        watch.measures_on(called.environment)
        refuse_other_machine(stored.environment, called.environment)
        now = Run(folder, facts, tuple(claims), called.environment, ())
        refuse_other_device(stored, now)
        wanted = {case: chosen[benchmark_of(case)] for case in called.cases if counts[case]}
        goal = min(UNITS, max(counts.values(), default=0)) if wanted else 0

        def take(unit: int, report: WorkerReport) -> None:
            measurements.extend(map(watch.marked, report.measurements))
            if report.unfinished is not None:
                store.write_measurement(writer, report.unfinished)
                measurements.append(report.unfinished)
            if report.error:
                notes.append(report.error)
            screen.unit(unit, 0, len(wanted), 0, time.monotonic() - start)

        why = _hold(pool, wanted, goal, start + budget, take)
    if why is not EndReason.ALL_MEASURED:
        notes.append(f"{why}: what was not measured by then was not reached")
    store.write_end(writer, RunEnd(why))
    writer.close()
    verdicts = BaselineGate(
        stored,
        CurrentCases(
            replace(now, measurements=tuple(measurements)),
            called.cases,
            called.unavailable,
            called.skipped,
            called.failed,
        ),
        chosen,
        _expected(stored, options),
        thresholds,
        accepted,
    ).verdicts()
    result = GateResult(
        SideFacts(Side.BASE, f"stored run {entry.label}", environment=dict(stored.environment)),
        SideFacts(Side.HEAD, "this code, now", sys.executable, environment=dict(called.environment)),
        tuple(verdicts),
        INTERRUPTED if why is EndReason.INTERRUPTED else status_of(verdicts),
        sum(verdict.metric == SECONDS and verdict.ratio is not None for verdict in verdicts),
        thresholds.target,
        thresholds.loader_target,
        thresholds.alpha,
        max((measurement.invocation for measurement in measurements), default=0),
        time.monotonic() - start,
        started.isoformat(timespec="seconds"),
        (*notes, *watch.remarks(called.environment, measurements)),
    )
    return finish(result, folder, options, benchmarks)


def _hold(
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
                    claim, effort(PROFILES["standard"], 600.0, compute, loader=claim.loader), None, unit == 1
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


def _expected(stored: Run, options: argparse.Namespace) -> frozenset[str]:
    """The benchmarks of the stored run that were asked for."""
    try:
        return select(BenchmarkFolder(stored.folder, stored.claims), words(options.select)).functions()
    except UsageError:  # the stored run has nothing by that name
        return frozenset()


def refuse_other_device(stored: Run, now: Run) -> None:
    """Raises NothingToCompare where the stored run was measured on the other kind of device."""
    there, here = device_kind(stored), device_kind(now)
    if there != here:
        raise NothingToCompare(f"the stored run was measured on {there}, and this would be on {here}: --device {there}")


def refuse_other_machine(base: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    """Raises NothingToCompare where the stored run is from another machine, driver, torch, or other flags."""
    differing = []
    for name, read in _MUST_AGREE.items():
        one, other = read(base), read(head)
        if one != other:
            differing.append(f"{name}: {one} there, {other} here")
    if differing:
        raise NothingToCompare(
            f"the stored run is from another environment ({'; '.join(differing)}); hold a run here with "
            f"{advised('bench')}, or compare with --base REV"
        )


_MUST_AGREE: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "machine": lambda found: found.get("machine_id"),
    "GPUs": lambda found: [gpu.get("name") for gpu in found.get("gpus", [])],
    "driver": lambda found: found.get("driver", {}).get("version"),
    "torch": lambda found: found.get("software", {}).get("torch"),
    "Python": lambda found: found.get("software", {}).get("python"),
    "torch's flags": lambda found: found.get("flags"),
    "usable cores": lambda found: found.get("machine", {}).get("usable_cores"),
}
