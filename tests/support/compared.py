"""Comparisons and trends to make pages and papers of: one with all that it can have to tell, one of hostile
names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.judge.group import Axis, columns
from harness.judge.runs import RunComparison, compare_runs
from harness.judge.trend import TrendBuilder
from harness.model import Claim, Measurement, Status, Trend, Trial
from harness.report.builders.trend import TrendRun
from harness.store import load
from tests.support.pages import HOSTILE
from tests.support.saved import ENVIRONMENT, claim, measurements_of, save

RUNS = 30
CHANGED = 15
"""The run from which one variant is a tenth slower and another a tenth faster."""


def two_runs(folder: Path) -> RunComparison:
    """Slower, faster, alike, too few, exact, wandering environments, and rows that cannot be compared."""
    one, memory = claim("A1"), claim("M1", metric="peak_bytes")
    failing = [
        Measurement(
            m.case,
            m.claim,
            m.invocation,
            trials=(m.trials[0], Trial("gone", Status.FAILED, "ValueError: no")),
        )
        for m in measurements_of(one, "f", 7, gone=1e-3)
    ]
    first = [
        *measurements_of(one, "m", 7, quick=0.5e-3, alike=1e-3),
        *measurements_of(one, "f", 7, gone=1e-3),
        *measurements_of(one, "few", 7),
        *measurements_of(memory, "x-1", 7, lean=1.2e-3),
    ]
    second = [
        *measurements_of(one, "m", 8, salt=1, quick=1.5e-3, alike=0.9e-3),
        *failing,
        *measurements_of(one, "few", 3, salt=2),
        *measurements_of(memory, "x-1", 7, salt=2, lean=1.2e-3),
        *measurements_of(memory, "x-2", 7),
    ]
    newer = {**ENVIRONMENT, "software": {**ENVIRONMENT["software"], "torch": "2.15.0", "dali": "2.4"}}
    runs = [
        load(save(folder / "before", [one, memory], first)),
        load(
            save(
                folder / "after",
                [one, memory],
                second,
                environment=newer,
                started="2026-01-03T03:04:05+00:00",
            )
        ),
    ]
    return compare_runs(columns([("before", runs[0]), ("after", runs[1])], Axis.RUN), Axis.RUN)


def hostile_runs(folder: Path) -> RunComparison:
    """Claims, cases, variants, labels and environments by names that want to be more than names."""
    claims, first, second = [], [], []
    for index, name in enumerate(HOSTILE):
        clean = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        of = Claim(clean, f"{clean} is faster.", f"bench_{index}.py", f"bench_{index}")
        claims.append(of)
        first += measurements_of(of, clean, 7, {clean: 0.5e-3})
        second += measurements_of(of, clean, 7, {clean: 0.6e-3, f"{clean} too": 1e-3}, salt=1)
    other = {**ENVIRONMENT, "flags": {HOSTILE[0]: HOSTILE[1]}}
    runs = [
        load(save(folder / "a", claims, first)),
        load(save(folder / "b", claims, second, environment=other)),
    ]
    return compare_runs(columns([(HOSTILE[0], runs[0]), (HOSTILE[2], runs[1])], Axis.RUN), Axis.RUN)


def thirty_runs(folder: Path, *names: str) -> tuple[tuple[Trend, ...], list[TrendRun]]:
    """The courses of thirty runs of one machine, and the runs; the last one has another torch."""
    one, found, held = claim("A1"), TrendBuilder(), []
    first, second = names or ("quick", "slack")
    for day in range(RUNS):
        late = day >= CHANGED
        measured = [
            *measurements_of(
                one, "m", 2, {first: 0.55e-3 if late else 0.5e-3, second: 1.8e-3 if late else 2e-3}, salt=day
            ),
            *measurements_of(one, "calm", 2, {first: 0.5e-3}, salt=day),
        ]
        started = f"2026-03-{day + 1:02}T10:00:00+00:00"
        run = load(save(folder / f"2026-03-{day + 1:02}", [one], measured, started=started))
        found.add(run)
        held.append(TrendRun(run.folder.name, started, run.environment))
    software = {**held[-1].environment, "software": {"torch": "2.15.0"}}
    return found.courses(), [*held[:-1], replace(held[-1], environment=software)]
