"""Numbers of one variant of one case out of its measurements, for showing: medians, single readings,
memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from harness.judge.stats import signed_rank_interval
from harness.model import BASELINE, Measurement, Status, Trial, metric
from harness.report.format import bytes_step

_SIZES = (("peak_bytes", ""), ("pss_bytes", "PSS "), ("tree_bytes", ""))


def typical(measurements: Iterable[Measurement], variant: str, name: str) -> float | None:
    """The median over invocations of a metric's medians; the latest single reading where no round has it."""
    medians: list[float] = []
    single: float | None = None
    for measurement in measurements:
        trial = measured(measurement, variant)
        if trial is None:
            continue
        values = trial.samples.get(name)
        if values and not measurement.survey:
            medians.append(median(values))
        single = trial.exact.get(name, trial.solo.get(name, single))
    return median(medians) if medians else single


def break_even(measurements: Sequence[Measurement], variant: str) -> float | None:
    """Iterations after which compiling the variant has paid: what it took, over what each iteration saves.

    A baseline that was compiled as well takes its own share off. Infinity where iterations are not faster;
    None where there is nothing to pay back: for the baseline, for what was not compiled, and for what is
    slower but compiles sooner.
    """
    spent = typical(measurements, variant, "compile_seconds")
    times = [typical(measurements, name, "seconds") for name in (BASELINE, variant)]
    if variant == BASELINE or spent is None or times[0] is None or times[1] is None:
        return None
    extra = spent - (typical(measurements, BASELINE, "compile_seconds") or 0.0)
    saved = times[0] - times[1]
    if extra <= 0:
        return 0.0 if saved >= 0 else None
    return extra / saved if saved > 0 else math.inf


def level_interval(
    measurements: Iterable[Measurement], variant: str, name: str, alpha: float = 0.05
) -> tuple[float, float] | None:
    """The exact interval of a metric's level over invocations; None for fewer than such an interval takes."""
    medians = []
    for measurement in measurements:
        trial = measured(measurement, variant)
        values = trial.samples.get(name) if trial is not None and not measurement.survey else None
        if values and (level := median(values)) > 0:
            medians.append(math.log(level))
    found = signed_rank_interval(medians, alpha) if medians else None
    return None if found is None else (math.exp(found[0]), math.exp(found[1]))


def measured(measurement: Measurement, variant: str) -> Trial | None:
    """The variant's trial where it was measured, else None."""
    trial = measurement.trial(variant)
    return trial if trial is not None and trial.status is Status.MEASURED else None


def memory(measurements: Sequence[Measurement], variant: str) -> tuple[str, tuple[str, ...]]:
    """Baseline -> variant and the sources, from the allocator's peak, else the solo passes, else the
    measurement."""
    for name, label in _SIZES:
        base, other = single(measurements, BASELINE, name), single(measurements, variant, name)
        if base is not None and other is not None:
            meaning = metric(name).meaning
            sources = dict.fromkeys(
                f"{meaning} ({source or 'source not recorded'})" for _, source in (base, other)
            )
            return bytes_step(base[0], other[0], label), tuple(sources)
    return "", ()


def memory_growth(measurements: Sequence[Measurement], variant: str) -> float | None:
    """Bytes beyond the baseline's, by the same reading as `memory`; None where there is none."""
    for name, _ in _SIZES:
        base, other = single(measurements, BASELINE, name), single(measurements, variant, name)
        if base is not None and other is not None:
            return other[0] - base[0]
    return None


def single(measurements: Sequence[Measurement], variant: str, name: str) -> tuple[float, str] | None:
    """The latest single reading of a metric and where it comes from; None where no measurement has one."""
    for measurement in reversed(measurements):
        trial = measured(measurement, variant)
        for readings in (trial.exact, trial.solo) if trial is not None else ():
            if trial is not None and name in readings:
                return readings[name], trial.sources.get(name, "")
    return None
