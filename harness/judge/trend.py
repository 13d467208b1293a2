"""The course of every variant over many runs of one machine: the level of each run, and where the level
changed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import numpy as np

from harness.judge.change import FEWEST, changes, parts, split
from harness.judge.difference import ALPHA, shown_up_to
from harness.judge.evidence import evidence, is_exact
from harness.judge.sequential import level
from harness.judge.stats import hodges_lehmann, quiet_ratio, signed_rank_interval
from harness.judge.units import KEEP, SECONDS, SHOWN
from harness.model import (
    BASELINE,
    Claim,
    Comparison,
    Measurement,
    Segment,
    Status,
    Trend,
    benchmark_of,
    other_parameters,
)
from harness.store import Run

Series = tuple[str, str, str]
"""Case, variant, metric."""


@dataclass(slots=True)
class TrendBuilder:
    """Runs of one machine as they are read, one after the other and none kept: only what each adds to every
    course.

    ``effects`` takes the ratio of each variant to its baseline instead of its own level. ``wanted`` are
    claims' names; none means all.
    """

    effects: bool = False
    wanted: frozenset[str] = frozenset()
    _levels: dict[Series, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    _claims: dict[str, Claim] = field(default_factory=dict)
    _runs: int = 0
    _digests: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, run: Run) -> None:
        """Take the next run, in the order in which they were measured."""
        index, self._runs = self._runs, self._runs + 1
        claims = {f"{claim.path}::{claim.function}": claim for claim in run.claims}
        self._claims.update(claims)
        by_case: dict[str, list[Measurement]] = defaultdict(list)
        for measurement in run.measurements:
            by_case[measurement.case].append(measurement)
        for case, measurements in by_case.items():
            claim = claims.get(benchmark_of(case))
            if claim is None or (self.wanted and claim.name not in self.wanted):
                continue
            self._tell_apart(case, measurements)
            found = self._effects(measurements, claim) if self.effects else _own(measurements, claim)
            for (variant, metric), own in found.items():
                self._levels[case, variant, metric][index] = own

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many runs of a case are in none of its courses: its name stood for other parameters then."""
        return self._before

    def _tell_apart(self, case: str, measurements: Sequence[Measurement]) -> None:
        """Begin a case's courses anew where its parameters are others than in the runs before."""
        now = next((measurement.digests for measurement in reversed(measurements) if measurement.digests), {})
        known = self._digests.get(case, {})
        if other_parameters(known, now):
            own = [key for key in self._levels if key[0] == case]
            self._before[case] += len({run for key in own for run in self._levels.pop(key)})
            known = {}
        self._digests[case] = {**known, **now}

    def courses(self, alpha: float = ALPHA) -> tuple[Trend, ...]:
        """Every course that any run has a level of; which changes are shown follows from all courses
        together."""
        tested: dict[Series, tuple[list[int], list[float], float, float]] = {}
        for key in sorted(self._levels):
            runs = sorted(self._levels[key])
            levels = [self._levels[key][index] for index in runs]
            _, p, memory = split(np.asarray(levels, dtype=np.float64))
            tested[key] = (runs, levels, p, memory)
        limit = shown_up_to([p for _, levels, p, _ in tested.values() if len(levels) >= FEWEST], alpha)
        return tuple(self._course(key, *found, limit) for key, found in tested.items())

    @staticmethod
    def _effects(measurements: Sequence[Measurement], claim: Claim) -> dict[tuple[str, str], float]:
        if is_exact(claim.metric):
            return {}
        names = {trial.variant for measurement in measurements for trial in measurement.trials} - {BASELINE}
        found = {name: _ratios(measurements, name, claim.metric) for name in sorted(names)}
        return {(name, claim.metric): median(ratios) for name, ratios in found.items() if ratios}

    def _course(
        self, key: Series, runs: Sequence[int], levels: Sequence[float], p: float, memory: float, limit: float
    ) -> Trend:
        case, variant, metric = key
        starts = changes(levels, limit).starts if 0 <= p <= limit else ()
        every: list[float | None] = [None] * self._runs
        for index, own in zip(runs, levels, strict=True):
            every[index] = math.exp(own)
        bounds = parts(levels, starts)
        segments = tuple(_segment(runs, levels, start, stop) for start, stop in bounds)
        changes_ = tuple(
            Comparison(metric, stop - start, after.level / before.level, p=p, paired=False)
            for (before, after), (start, stop) in zip(pairwise(segments), bounds[1:], strict=True)
        )
        claim = self._claims[benchmark_of(case)]
        return Trend(case, claim.name, variant, metric, tuple(every), segments, p, memory, changes_)


def _own(measurements: Iterable[Measurement], claim: Claim) -> dict[tuple[str, str], float]:
    """The level of every variant by time, and by the claim's metric where that is another noisy one."""
    names = [name for name in dict.fromkeys((SECONDS, claim.metric)) if not is_exact(name)]
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for measurement in measurements:
        if measurement.survey:
            continue
        for trial in measurement.trials:
            if trial.status is not Status.MEASURED:
                continue
            for name in names:
                if (own := level(trial.samples.get(name, ()))) is not None:
                    found[trial.variant, name].append(own)
    return {key: median(levels) for key, levels in found.items()}


def _ratios(measurements: Sequence[Measurement], variant: str, metric: str) -> list[float]:
    """The typical log ratio of each process, as a verdict takes it, without the expensive rest of the
    evidence."""
    found: list[float] = []
    for measurement in measurements:
        base, other = measurement.trial(BASELINE), measurement.trial(variant)
        if measurement.survey or base is None or other is None:
            continue
        rows = base.samples.get(metric, ()), other.samples.get(metric, ())
        if (
            rows[0]
            and len(rows[0]) == len(rows[1])
            and min(map(min, rows)) > 0
            and not measurement.clock_events
        ):
            if base.status is other.status is Status.MEASURED:
                found.append(quiet_ratio(*rows, KEEP))
        else:
            found += (unit.quiet for unit in evidence([measurement], variant, metric).units)
    return found


def _segment(runs: Sequence[int], levels: Sequence[float], start: int, stop: int) -> Segment:
    own = levels[start:stop]
    low, high = signed_rank_interval(own, SHOWN) or (None, None)
    return Segment(
        runs[start],
        runs[stop - 1] + 1,
        math.exp(hodges_lehmann(own)),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
    )
