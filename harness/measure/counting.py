"""What a variant launches and the energy it uses: passes of their own, in a process that times nothing
afterwards.

A profiler that was attached once makes later launches slower, and joules take seconds a variant: neither may
come before a round, nor count in what a measurement costs.
"""

from __future__ import annotations

from contextlib import ExitStack
from random import Random
from time import perf_counter

from harness.measure.case import MeasureOptions, runners
from harness.measure.failure import failure
from harness.measure.runner import Reading, VariantRunner
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import CaseWarning, Claim, Measurement, Trial, WarningCode

SOURCE = "a pass of its own"


def count(case: str, claim: Claim, spec: BenchmarkSpec, options: MeasureOptions, reading: str) -> Measurement:
    """Launches or joules of each variant in ``options``, one variant after the other, without samples.

    A variant whose reading fails, or that has none here, is without it; the failure is a warning.
    """
    start = perf_counter()
    chosen = {
        name: given
        for name, given in spec.variants.items()
        if isinstance(given, Variant) and (options.variants is None or name in options.variants)
    }
    trials: list[Trial] = []
    warnings: list[CaseWarning] = []
    with ExitStack() as stack:
        for runner in runners(claim, chosen, options, stack, Random(options.seed)):
            readings: dict[str, float] = {}
            sources: dict[str, str] = {}
            try:
                if (found := _read(runner, reading)) is not None:
                    readings[reading], sources[reading] = found[0], f"{found[1]}, {SOURCE}"
            except Exception as error:
                warnings.append(CaseWarning(WarningCode.NO_READING, runner.name, failure(error), reading))
            trials.append(Trial(runner.name, expect=spec.expect[runner.name], solo=readings, sources=sources))
    return Measurement(
        case=case,
        claim=claim.name,
        invocation=options.invocation,
        trials=tuple(trials),
        work=spec.work,
        seconds=perf_counter() - start,
        survey=True,
        warnings=tuple(warnings),
    )


def _read(runner: VariantRunner, reading: str) -> Reading | None:
    try:
        runner.setup()
        runner.first_call()
        return runner.read(reading)
    finally:
        runner.teardown()
