"""From measurements of one case to numbers: a unit per invocation, single readings, and what stood in the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.judge.stats import Floats, quiet_level, quiet_ratio, total_ratio
from harness.judge.throttling import ThrottledBlocks, remarks, throttled_blocks, throttled_share
from harness.model import BASELINE, Measurement, MetricKind, Status, Trial, metric
from harness.plural import counted

UNBOUNDED = math.log(1e9)
"""The largest log ratio, and that of something to nothing: a wait that vanished is a large effect, and finite."""

KEEP = 0.7
"""The share of pairs that a unit keeps, the quietest ones."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one invocation says, as log ratios.

    ``quiet`` is the typical ratio and ``total`` that of the totals; ``nulls`` gives the gaps between the two that the
    baseline and the variant each show against themselves, every other round against its neighbour: identical code by
    construction. They take as long as all else, and only what may be unsteady is asked for them. ``levels`` gives the
    logs of the geometric mean of both sides, typical and of the totals; nan where a side was 0.
    """

    quiet: float
    total: float
    nulls: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
    levels: Callable[[], tuple[float, float]] = lambda: (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All units of one variant and metric, in the order of their invocations.

    ``throttled`` is the share of their blocks in which the GPU was, from 0 to 1.
    """

    metric: str
    units: tuple[Unit, ...]
    warnings: tuple[str, ...] = ()
    throttled: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trial that gave no measurement, or what kept a whole measurement from being one."""

    status: Status
    reason: str
    invocation: int


def in_order(measurements: Iterable[Measurement]) -> list[Measurement]:
    """By invocation, whatever the order of the records: looks must not depend on how files were read."""
    return sorted(measurements, key=lambda measurement: measurement.invocation)


def units(measurements: Iterable[Measurement], variant: str, metric: str, keep: float = KEEP) -> tuple[float, ...]:
    """The typical log(variant/baseline) of a metric, one an invocation, from the measurements of one case.

    Surveys, trials that were not measured and measurements without the metric give none. Where a metric is 0 in some
    round the unit is the ratio of the totals, at most `UNBOUNDED` either way, and 0 where both are nothing.
    """
    return tuple(unit.quiet for unit in evidence(measurements, variant, metric, keep).units)


def evidence(measurements: Iterable[Measurement], variant: str, metric: str, keep: float = KEEP) -> Evidence:
    """The units of a noisy metric; from single readings of the solo passes where no round carries it."""
    ordered = in_order(measurements)
    found: list[Unit] = []
    heats: list[ThrottledBlocks] = []
    dropped = vanished = 0
    for measurement in ordered:
        pair = _measured(measurement, variant)
        if pair is None or measurement.survey:
            continue
        rows = [np.asarray(trial.samples.get(metric, ()), dtype=np.float64) for trial in pair]
        blocks = min(len(row) for row in rows)
        usable = np.logical_and.reduce([np.isfinite(row[:blocks]) & (row[:blocks] >= 0) for row in rows])
        dropped += max(len(row) for row in rows) - int(usable.sum())
        if len(measurement.clock_events) == blocks:
            heats.append(throttled_blocks(measurement))
            usable[list(heats[-1].left_out)] = False
        base, other = (row[:blocks][usable] for row in rows)
        if len(base) == 0:
            continue
        if (base == 0).any() or (other == 0).any():
            vanished += 1
            ratio = log_ratio(float(base.sum()), float(other.sum()))
            found.append(Unit(ratio, ratio))
        else:
            quiet, total = quiet_ratio(base, other, keep), total_ratio(base, other)
            nulls, levels = partial(_null_gaps, base, other, keep), partial(_levels, base, other, keep)
            found.append(Unit(_bounded(quiet), _bounded(total), nulls, levels))
    if not found:
        found = _solo_units(ordered, variant, metric)
    warnings = []
    if dropped:
        warnings.append(
            f"{counted(dropped, 'round')} without a usable {metric} {'was' if dropped == 1 else 'were'} left out"
        )
    if vanished:
        warnings.append(
            f"{metric} was 0 in rounds of {vanished} of {counted(len(found), 'invocation')}: totals compared there"
        )
    return Evidence(metric, tuple(found), (*warnings, *remarks(heats)), throttled_share(heats))


def exact_readings(measurements: Iterable[Measurement], variant: str, name: str) -> list[tuple[float, float]]:
    """(baseline, variant) of an exact metric, one pair a measurement that has both, surveys included, latest last."""
    pairs = []
    for measurement in in_order(measurements):
        trials = _measured(measurement, variant)
        if trials is None:
            continue
        base, other = (_single(trial, name) for trial in trials)
        if base is not None and other is not None:
            pairs.append((base, other))
    return pairs


def is_exact(name: str) -> bool:
    """Whether repeating a measurement leaves the metric as it is."""
    return metric(name).kind is MetricKind.EXACT


def log_ratio(baseline: float, variant: float) -> float:
    """log(variant/baseline) of numbers that may be 0: no effect where both are, `UNBOUNDED` where one is."""
    if baseline == variant:
        return 0.0
    if baseline <= 0 or variant <= 0:
        return UNBOUNDED if variant > baseline else -UNBOUNDED
    return _bounded(math.log(variant) - math.log(baseline))


def variants(measurements: Iterable[Measurement]) -> list[str]:
    """The variants beside the baseline, in the order in which they first appear."""
    names = [trial.variant for measurement in in_order(measurements) for trial in measurement.trials]
    return [name for name in dict.fromkeys(names) if name != BASELINE]


def troubles(measurements: Iterable[Measurement], variant: str) -> list[Trouble]:
    """What kept the variant from being measured, by invocation; that of an isolated pass only if nothing else did.

    A trial answers for itself; the state of the whole measurement counts for variants that it has no trial of.
    """
    ordered = in_order(measurements)
    together = [measurement for measurement in ordered if not measurement.survey]
    found = _troubles(together, variant)
    if found or any(_has(measurement, variant) for measurement in together):
        return found
    return _troubles([measurement for measurement in ordered if measurement.survey], variant)


def seconds_per_unit(measurements: Iterable[Measurement]) -> float:
    """The mean wall time of a measurement that gave a unit, in seconds; 0 where there is none."""
    spent = [m.seconds for m in measurements if not m.survey and m.status is Status.MEASURED]
    return sum(spent) / len(spent) if spent else 0.0


def contested(measurements: Iterable[Measurement], variant: str) -> bool:
    """Whether the variant was measured beside the baseline in any invocation, whatever the metric."""
    return any(_measured(measurement, variant) is not None for measurement in measurements if not measurement.survey)


def _bounded(log: float) -> float:
    return max(-UNBOUNDED, min(UNBOUNDED, log))


def _troubles(measurements: Sequence[Measurement], variant: str) -> list[Trouble]:
    found = []
    for measurement in measurements:
        trial = measurement.trial(variant)
        if trial is not None and trial.status is not Status.MEASURED:
            found.append(Trouble(trial.status, trial.reason, measurement.invocation))
        elif trial is None and measurement.status is not Status.MEASURED:
            found.append(Trouble(measurement.status, measurement.reason, measurement.invocation))
    return found


def _has(measurement: Measurement, variant: str) -> bool:
    trial = measurement.trial(variant)
    return trial is not None and trial.status is Status.MEASURED


def _measured(measurement: Measurement, variant: str) -> tuple[Trial, Trial] | None:
    base, other = measurement.trial(BASELINE), measurement.trial(variant)
    if base is None or other is None or not (_has(measurement, BASELINE) and _has(measurement, variant)):
        return None
    return base, other


def _levels(base: Floats, other: Floats, keep: float) -> tuple[float, float]:
    return quiet_level(base, other, keep), (math.log(base.mean()) + math.log(other.mean())) / 2


def _null_gaps(base: Floats, other: Floats, keep: float) -> tuple[float, float]:
    return _null_gap(base, keep), _null_gap(other, keep)


def _null_gap(rounds: Floats, keep: float) -> float:
    even, odd = rounds[0::2], rounds[1::2]
    if len(odd) == 0:
        return 0.0
    even = even[: len(odd)]
    return _bounded(total_ratio(even, odd) - quiet_ratio(even, odd, keep))


def _solo_units(measurements: Sequence[Measurement], variant: str, name: str) -> list[Unit]:
    found = []
    for measurement in measurements:
        pair = _measured(measurement, variant)
        if pair is None:
            continue
        base, other = (trial.solo.get(name, trial.exact.get(name)) for trial in pair)
        if base is not None and other is not None and all(math.isfinite(x) and x >= 0 for x in (base, other)):
            ratio = log_ratio(base, other)
            found.append(Unit(ratio, ratio))
    return found


def _single(trial: Trial, name: str) -> float | None:
    samples = trial.samples.get(name)
    reading = trial.exact.get(name, trial.solo.get(name, float(np.median(samples)) if samples else None))
    return reading if reading is None or math.isfinite(reading) else None
