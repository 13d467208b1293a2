"""All evidence of one case, gathered in one pass over its measurements: units, readings, and what went
wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.judge.throttling import ThrottledBlocks, remarks, throttled_blocks, throttled_share
from harness.judge.units import KEEP, Unit, unit_of, unit_of_readings
from harness.model import BASELINE, Expect, Measurement, MetricKind, Status, Trial, metric
from harness.plural import counted


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a variant, or a whole measurement, was not measured in one invocation."""

    status: Status
    reason: str
    invocation: int


@dataclass(frozen=True, slots=True)
class VariantEvidence:
    """What is known of one variant by one metric, in the order of its invocations.

    ``units`` are of a noisy metric, one an invocation; single readings of isolated passes stand in where no
    round has the metric. ``readings`` are (baseline, variant) of an exact one, the latest last. ``troubles``
    of isolated passes count only where it was never measured otherwise. ``expect`` is the latest that a
    measurement states. ``measured`` says that it was measured beside the baseline at all, whatever the
    metric; ``throttled`` is the share of its blocks, from 0 to 1, in which the GPU's clocks were held back.
    """

    metric: str
    units: tuple[Unit, ...] = ()
    readings: tuple[tuple[float, float], ...] = ()
    troubles: tuple[Trouble, ...] = ()
    expect: Expect | None = None
    measured: bool = False
    warnings: tuple[str, ...] = ()
    throttled: float = 0.0


@dataclass(frozen=True, slots=True)
class CaseEvidence:
    """What is known of one case by one metric.

    ``variants`` has those beside the baseline, in the order in which they first appear. ``troubles`` are the
    baseline's, ``has_baseline`` says that any measurement has a trial of it; ``invocations`` counts the
    measurements that are not isolated passes. ``unit_seconds`` is the mean wall time of one that gave a unit,
    0 where none did.
    """

    case: str
    variants: Mapping[str, VariantEvidence]
    troubles: tuple[Trouble, ...]
    has_baseline: bool
    invocations: int
    unit_seconds: float


def case_evidence(
    measurements: Iterable[Measurement],
    metric: str,
    keep: float = KEEP,
    variants: Sequence[str] | None = None,
) -> CaseEvidence:
    """The evidence of these measurements, of all variants or of those named; measurements of nothing have no
    case.

    Raises ValueError for measurements of several cases.
    """
    ordered = in_order(measurements)
    cases = list(dict.fromkeys(measurement.case for measurement in ordered))
    if len(cases) > 1:
        raise ValueError(f"verdicts are for one case, not {', '.join(sorted(cases))}")
    found = {trial.variant: _Gathered(trial.variant) for each in ordered for trial in each.trials}
    has_baseline = BASELINE in found
    baseline = found.pop(BASELINE, _Gathered(BASELINE))
    if variants is not None:
        found = {name: found.get(name, _Gathered(name)) for name in variants}
    for measurement in ordered:
        base = baseline.trial_of(measurement)
        for variant in found.values():
            variant.take(measurement, base, variant.trial_of(measurement), metric, keep)
    return CaseEvidence(
        cases[0] if cases else "",
        {name: variant.evidence(metric) for name, variant in found.items()},
        baseline.troubles,
        has_baseline,
        sum(1 for measurement in ordered if not measurement.survey),
        seconds_per_unit(ordered),
    )


def evidence(
    measurements: Iterable[Measurement], variant: str, metric: str, keep: float = KEEP
) -> VariantEvidence:
    """The evidence of one variant alone. Raises ValueError for measurements of several cases."""
    return case_evidence(measurements, metric, keep, (variant,)).variants[variant]


def troubles(measurements: Iterable[Measurement], variant: str) -> tuple[Trouble, ...]:
    """Why the variant, or the baseline, was not measured, by invocation; of isolated passes only if nothing
    else is."""
    found = _Gathered(variant)
    for measurement in in_order(measurements):
        found.trial_of(measurement)
    return found.troubles


def in_order(measurements: Iterable[Measurement]) -> list[Measurement]:
    """By invocation, whatever the order of the records: looks must not depend on how files were read."""
    return sorted(measurements, key=lambda measurement: measurement.invocation)


def is_exact(name: str) -> bool:
    """Whether repeating a measurement leaves the metric as it is."""
    return metric(name).kind is MetricKind.EXACT


def seconds_per_unit(measurements: Iterable[Measurement]) -> float:
    """The mean wall time of a measurement that gave a unit, in seconds; 0 where there is none."""
    spent = [m.seconds for m in measurements if not m.survey and m.status is Status.MEASURED]
    return sum(spent) / len(spent) if spent else 0.0


@dataclass(slots=True)
class _Gathered:
    """What was gathered of one variant so far, measurement by measurement."""

    variant: str
    units: list[Unit] = field(default_factory=list)
    alone: list[Unit] = field(default_factory=list)
    readings: list[tuple[float, float]] = field(default_factory=list)
    expect: Expect | None = None
    measured: bool = False
    dropped: int = 0
    vanished: int = 0
    throttled: list[ThrottledBlocks] = field(default_factory=list)
    _together: list[Trouble] = field(default_factory=list)
    _alone: list[Trouble] = field(default_factory=list)
    _timed: bool = False

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Those of an isolated pass only if nothing else is known."""
        return tuple(self._together if self._together or self._timed else self._alone)

    def trial_of(self, measurement: Measurement) -> Trial | None:
        """Its trial where it was measured; else why it was not is noted.

        A trial answers for itself; the state of the whole measurement counts for variants that it has no
        trial of.
        """
        trial = measurement.trial(self.variant)
        whole: Measurement | Trial = measurement if trial is None else trial
        if whole.status is not Status.MEASURED:
            trouble = Trouble(whole.status, whole.reason, measurement.invocation)
            (self._alone if measurement.survey else self._together).append(trouble)
            return None
        if trial is not None and not measurement.survey:
            self.expect, self._timed = trial.expect, True
        return trial

    def take(
        self, measurement: Measurement, base: Trial | None, other: Trial | None, metric: str, keep: float
    ) -> None:
        """Take in what a measurement shows of it beside the baseline."""
        if base is None or other is None:
            return
        if is_exact(metric):
            readings = _single(base, metric), _single(other, metric)
            if readings[0] is not None and readings[1] is not None:
                self.readings.append((readings[0], readings[1]))
        else:
            self._take_alone(base, other, metric)
        if not measurement.survey:
            self.measured = True
            if not is_exact(metric):
                self._take_rounds(measurement, (base, other), metric, keep)

    def _take_alone(self, base: Trial, other: Trial, metric: str) -> None:
        one, two = (trial.solo.get(metric, trial.exact.get(metric)) for trial in (base, other))
        if (
            one is not None
            and two is not None
            and all(math.isfinite(value) and value >= 0 for value in (one, two))
        ):
            self.alone.append(unit_of_readings(one, two))

    def _take_rounds(
        self, measurement: Measurement, pair: tuple[Trial, Trial], metric: str, keep: float
    ) -> None:
        rows = [np.asarray(trial.samples.get(metric, ()), dtype=np.float64) for trial in pair]
        blocks = min(len(row) for row in rows)
        usable = np.logical_and.reduce([np.isfinite(row[:blocks]) & (row[:blocks] >= 0) for row in rows])
        self.dropped += max(len(row) for row in rows) - int(usable.sum())
        if len(measurement.clock_events) == blocks:
            self.throttled.append(throttled_blocks(measurement))
            usable[list(self.throttled[-1].left_out)] = False
        base, other = (row[:blocks][usable] for row in rows)
        if len(base):
            self.vanished += bool((base == 0).any() or (other == 0).any())
            self.units.append(unit_of(base, other, keep))

    def evidence(self, metric: str) -> VariantEvidence:
        """All of it, once every measurement was taken in."""
        units = self.units or self.alone
        warnings = []
        if self.dropped:
            were = "was" if self.dropped == 1 else "were"
            warnings.append(f"{counted(self.dropped, 'round')} without a usable {metric} {were} left out")
        if self.vanished:
            warnings.append(
                f"{metric} was 0 in rounds of {self.vanished} of {counted(len(units), 'invocation')}: "
                "totals compared there"
            )
        return VariantEvidence(
            metric,
            tuple(units),
            tuple(self.readings),
            self.troubles,
            self.expect,
            self.measured,
            (*warnings, *remarks(self.throttled)),
            throttled_share(self.throttled),
        )


def _single(trial: Trial, name: str) -> float | None:
    """An exact metric's reading in one trial: its own, else the median of its rounds; None unless it is
    finite."""
    reading = trial.exact.get(name, trial.solo.get(name))
    if reading is None and (samples := trial.samples.get(name)):
        reading = float(np.median(samples))
    return reading if reading is None or math.isfinite(reading) else None
