"""``gate --baseline RUN``: this code now, against a run that was stored; one after the other, with the wider error."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import store
from harness.archive import find, open_entry
from harness.compare.gate import GateThresholds, rule_for, status_of
from harness.compare.sequential import level, rule_unpaired
from harness.compare.throttle import heat, marked_run
from harness.invoked import advised
from harness.model import (
    SCHEMA,
    Arm,
    ArmFacts,
    Claim,
    Gated,
    GateResult,
    GateVerdict,
    Measurement,
    Status,
    benchmark_of,
)
from harness.report.gate.progress import Progress
from harness.report.watching import watch_remarks
from harness.run.arms import NothingToCompare
from harness.run.candidate import SECONDS
from harness.run.crew import Crew
from harness.run.gate import BUDGET
from harness.run.settings import PROFILES, effort, hertz, seconds
from harness.run.watching import Watch

UNITS = 14
"""Invocations to hold, unless the stored run has fewer."""

Finish = Callable[[GateResult, Path, argparse.Namespace], int]
Key = tuple[str, str]


def against_stored(
    options: argparse.Namespace, benchmarks: Path, claims: Sequence[Claim], thresholds: GateThresholds, finish: Finish
) -> int:
    """Measure what the stored run measured, as often, and judge.

    Raises UsageError, StoreError, NothingToCompare, CrewError.
    """
    rate = hertz(options.watch)
    entry = find(options.baseline, options.results, claims=True)
    stored = marked_run(open_entry(entry))
    chosen = {f"{claim.path}::{claim.function}": claim for claim in claims}
    before = _levels(stored.measurements, thresholds.keep)
    started = datetime.now(UTC).astimezone()
    folder = store.new_run_folder(options.results, started)
    start = time.monotonic()
    budget = seconds(options.budget) if options.budget else BUDGET
    data = options.data.resolve() if options.data else None
    writer = store.open_run(
        folder,
        list(claims),
        command=["gate", "--baseline", str(options.baseline)],
        budget=budget,
        profile="standard",
        benchmarks=str(benchmarks),
        data=str(data or ""),
        python=sys.executable,
        started=started.isoformat(timespec="seconds"),
    )
    notes = [f"the stored run: {remark}" for remark in watch_remarks(stored)]
    measurements: list[Measurement] = []
    screen = Progress(Console())
    watch = Watch(folder, rate, note=screen.note)

    def begins(case: str, unit: int) -> None:
        watch.begins(case, unit)
        screen.begins(case, unit)

    with (
        screen,
        watch,
        Crew(
            sys.executable,
            benchmarks,
            folder,
            device=options.device,
            data=data,
            width=2,
            begins=begins,
            ends=watch.ends,
            tick=screen.tick,
        ) as crew,
    ):
        called = crew.roll_call(sorted({claim.path for claim in claims}))
        writer.write("header", schema=SCHEMA, environment=called.environment, planned=list(called.cases))
        watch.measures_on(called.environment)
        refuse_other_machine(stored.environment, called.environment)
        here = {case: names for case, names in called.cases.items() if benchmark_of(case) in chosen}
        wanted = {case: chosen[benchmark_of(case)] for case in here if any(known[0] == case for known in before)}
        compute = max(1, sum(not claim.loader for claim in wanted.values()))
        goal = min(UNITS, max((len(levels) for levels in before.values()), default=0))
        for unit in range(1, goal + 1):
            plan = {
                case: (claim, effort(PROFILES["standard"], 600.0, compute, loader=claim.loader), None, False)
                for case, claim in wanted.items()
            }
            report = crew.measure(unit, plan, deadline=start + budget, ahead=goal - unit + 1)
            measurements += map(watch.marked, report.measurements)
            if report.unfinished is not None:
                store.write_measurement(writer, report.unfinished)
                measurements.append(report.unfinished)
            screen.unit(unit, 0, len(wanted), 0, time.monotonic() - start)
            if report.out_of_time or time.monotonic() - start >= budget:
                notes.append("the time budget was used up")
                break
    writer.write("end", why="every invocation that its profile allows was held")
    writer.close()
    after = _levels(measurements, thresholds.keep)
    verdicts = _verdicts(chosen, before, after, measurements, called.skipped, thresholds)
    result = GateResult(
        ArmFacts(Arm.BASE, f"stored run {entry.label}", environment=dict(stored.environment)),
        ArmFacts(Arm.HEAD, "this code, now", sys.executable, environment=dict(called.environment)),
        tuple(verdicts),
        status_of(verdicts),
        len({*before} & {*after}),
        thresholds.target,
        thresholds.loader_target,
        thresholds.alpha,
        max((measurement.invocation for measurement in measurements), default=0),
        time.monotonic() - start,
        started.isoformat(timespec="seconds"),
        (*notes, *watch.remarks(called.environment, measurements)),
    )
    return finish(result, folder, options)


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


def _levels(measurements: Sequence[Measurement], keep: float) -> dict[Key, list[float]]:
    """One level an invocation for every variant of every case, in the order held; of the blocks that count."""
    found: dict[Key, list[float]] = {}
    for measurement in sorted(measurements, key=lambda measurement: measurement.invocation):
        left_out = heat(measurement).left_out
        for trial in measurement.trials:
            rounds = enumerate(trial.samples.get(SECONDS, ()))
            samples = [value for index, value in rounds if index not in left_out]
            if trial.status is Status.MEASURED and samples and min(samples) > 0 and not measurement.survey:
                found.setdefault((measurement.case, trial.variant), []).append(level(samples, keep))
    return found


def _verdicts(
    chosen: Mapping[str, Claim],
    before: Mapping[Key, list[float]],
    after: Mapping[Key, list[float]],
    measurements: Sequence[Measurement],
    skipped: Mapping[str, str],
    thresholds: GateThresholds,
) -> list[GateVerdict]:
    known = {key for key in before if benchmark_of(key[0]) in chosen}
    decisions = max(1, len(known & {*after}))
    spent = {case: sum(m.seconds for m in measurements if m.case == case) for case, _ in known | {*after}}
    found = []
    for case, variant in sorted(known | {*after}):
        claim = chosen[benchmark_of(case)]
        base, head = before.get((case, variant)), after.get((case, variant))
        if base is None:
            found.append(GateVerdict(case, claim.name, variant, SECONDS, Gated.NEW, "the stored run does not have it"))
            continue
        if head is None:
            trouble = [t.reason for m in measurements if m.case == case and (t := m.trial(variant)) and t.reason]
            reason = skipped.get(case) or next(iter(trouble), "the stored run has it, this code does not: renamed?")
            found.append(GateVerdict(case, claim.name, variant, SECONDS, Gated.MISSING, reason))
            continue
        ruling = rule_unpaired(base, head, rule_for(thresholds, decisions, loader=claim.loader))
        found.append(
            GateVerdict(
                case,
                claim.name,
                variant,
                SECONDS,
                ruling.outcome or Gated.INCONCLUSIVE,
                ruling.reason,
                units=ruling.units,
                ratio=ruling.ratio,
                low=ruling.low,
                high=ruling.high,
                seconds=spent[case],
            )
        )
    return found
