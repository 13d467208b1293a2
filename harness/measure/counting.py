"""What a variant holds, launches and uses of energy: passes of their own, in a process that times nothing
afterwards.

A profiler that was attached once makes later launches slower, and joules take seconds a variant: neither may
come before a round, nor count in what a measurement costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from random import Random
from time import perf_counter

from harness.measure.case import MeasureOptions, runners, take_snapshot
from harness.measure.failure import failure
from harness.measure.memory import keep_snapshot
from harness.measure.runner import Reading, VariantRunner
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import CaseWarning, Claim, Measurement, Trial, WarningCode
from harness.probes.peak import ALLOCATOR, MEMORY

SOURCE = "a pass of its own"


def count(case: str, claim: Claim, spec: BenchmarkSpec, options: MeasureOptions, reading: str) -> Measurement:
    """Memory, launches or joules of each variant in ``options``, one after the other, without samples.

    `MEMORY` stands for all that the allocator's account has, and for its snapshots where they are wanted. A
    variant whose reading fails, or that has none here, is without it; the failure is a warning.
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
            snapshot = partial(take_snapshot, options.snapshots, case) if options.snapshots else None
            try:
                for name, found in _read(runner, reading, snapshot, warnings):
                    readings[name], sources[name] = found[0], f"{found[1]}, {SOURCE}"
            except Exception as error:
                warnings.append(CaseWarning(WarningCode.NO_READING, runner.name, failure(error), reading))
            exact = {name: value for name, value in readings.items() if name in ALLOCATOR}
            alone = {name: value for name, value in readings.items() if name not in ALLOCATOR}
            trials.append(
                Trial(runner.name, expect=spec.expect[runner.name], exact=exact, solo=alone, sources=sources)
            )
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


def _read(
    runner: VariantRunner,
    reading: str,
    snapshot: Callable[[VariantRunner], object] | None,
    warnings: list[CaseWarning],
) -> Iterator[tuple[str, Reading]]:
    try:
        runner.setup()
        runner.first_call()
        for name in ALLOCATOR if reading == MEMORY else (reading,):
            if (found := runner.read(name)) is not None:
                yield name, found
        if reading == MEMORY and snapshot is not None:
            keep_snapshot(runner, snapshot, warnings)
    finally:
        runner.teardown()
