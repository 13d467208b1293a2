"""The solo pass: one variant alone in a fresh process, for what no shared process can tell apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

from harness.measure.case import MeasureOptions, local
from harness.measure.failure import failure, logged
from harness.measure.runner import LocalRunner, readings_of
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import CaseWarning, Claim, Measurement, Status, Trial, WarningCode

SOURCE = "alone in a fresh process"


def measure_isolated(case: str, claim: Claim, asked: BenchmarkSpec, terms: MeasureOptions, name: str) -> Measurement:
    """Memory, CPU-seconds and leftovers of one variant; the process is to be thrown away afterwards."""
    start = perf_counter()
    status, reason = Status.MEASURED, ""
    readings: dict[str, float] = {}
    sources: dict[str, str] = {}
    warnings: list[CaseWarning] = []
    given = asked.variants[name]
    assert isinstance(given, Variant)
    runner = local(name, given, claim, terms.device)
    try:
        readings, sources, warnings = _watch(runner, terms.device)
    except Exception as error:
        status, reason = Status.FAILED, logged(error)
    trial = Trial(name, status, reason, asked.expect[name], solo=readings, sources=sources)
    return Measurement(
        case,
        claim.name,
        terms.invocation,
        Status.MEASURED,
        "",
        (trial,),
        asked.work,
        perf_counter() - start,
        survey=True,
        warnings=tuple(warnings),
    )


def _watch(runner: LocalRunner, device: Any) -> tuple[dict[str, float], dict[str, str], list[CaseWarning]]:
    from harness.probes import ProcessTree, cuda_uuid, device_bytes, gpu_share, watch_tree
    from harness.probes.pinned import pinned_peak
    from harness.probes.process_usage import process_usage
    from harness.probes.shared_memory import shared_bytes, watch_shared

    tree = ProcessTree(os.getpid())
    living, shared_before = tree.alive(), shared_bytes()
    warnings: list[CaseWarning] = []
    runner.setup()
    runner.first_call()
    leave_early: Callable[[], object] | None = getattr(runner.iteration, "leave_early", None)
    readings, sources = _alone(runner, device)
    with watch_tree() as watched, watch_shared(shared_before) as shared:
        before = process_usage(os.getpid())
        turn = runner.run_round(1, 0)
        spent = process_usage(os.getpid()).since(before)
    own = {"seconds": turn.each(1)}
    if "cpu_seconds" in turn.readings:
        own["cpu_seconds"] = turn.readings["cpu_seconds"]
    # CPU-seconds by the runner's own account, which leaves the watching out.
    own |= {name: amount / turn.part for name, amount in spent.items() if name != "cpu_seconds"}
    if (unshared := tree.unshared()) is not None:
        own["uss_bytes"] = float(unshared)
    readings |= own
    sources |= dict.fromkeys(own, SOURCE)
    if watched.warning:
        warnings.append(CaseWarning(WarningCode.NOT_WATCHED, detail=watched.warning))
    if shared.peak_bytes is not None:
        readings["shm_bytes"], sources["shm_bytes"] = float(shared.peak_bytes), f"{shared.source}, {SOURCE}"
    if watched.peak_bytes:
        readings["pss_bytes"] = float(watched.peak_bytes)
        sources["pss_bytes"] = f"{watched.source}, {SOURCE}"
    if device.type == "cuda":
        probes: dict[str, Callable[[str], tuple[float | None, str]]]
        probes = {"gpu_share": gpu_share, "device_bytes": device_bytes}
        for name, probe in probes.items():
            try:
                found, source = probe(cuda_uuid(device))
            except Exception as error:
                found, source = None, f"no {name}: {failure(error)}"
            if found is None:
                warnings.append(CaseWarning(WarningCode.NOT_WATCHED, detail=source, quantity=name))
            else:
                readings[name], sources[name] = float(found), source
    if pinned := pinned_peak():
        readings["pinned_bytes"] = float(pinned)
        sources["pinned_bytes"] = "torch.cuda.host_memory_stats"
    if leave_early is not None:
        leave_early()
    runner.teardown()
    left = tree.left_since(living)
    readings |= left
    sources |= dict.fromkeys(left, f"after leaving an epoch early, {SOURCE}" if leave_early else SOURCE)
    return readings, sources, warnings


def _alone(runner: LocalRunner, device: Any) -> tuple[dict[str, float], dict[str, str]]:
    """An epoch without the step, where the iteration offers that, right after the first one: its time, and the gap."""
    from harness.measure.clock import clock_for

    alone: Callable[[], object] | None = getattr(runner.iteration, "alone", None)
    if alone is None:
        return {}, {}
    lap = clock_for(device, synchronous=True).lap(alone, 1)
    readings = {"loader_seconds": lap.seconds / runner.part}
    if (gap := readings_of(lap.result).get("epoch_gap_seconds")) is not None:
        readings["epoch_gap_seconds"] = gap
    return readings, dict.fromkeys(readings, f"an epoch without the step after one with it, {SOURCE}")
