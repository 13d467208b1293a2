"""A run in pytest-benchmark's JSON: one entry a variant of a case, readable by ``pytest-benchmark
compare``."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median, quantiles, stdev
from typing import Any

from harness import __version__
from harness.model import BASELINE, Measurement, Status, parameters
from harness.store import Run

_SECONDS = "seconds"


def benchmark_json(run: Run) -> dict[str, Any]:
    """The document. Statistics are over every timed round of every invocation, in seconds per iteration.

    It has times and no verdict: rounds of one process are no independent evidence, and this format cannot say
    so.
    """
    git = run.environment.get("git")
    revision = git if isinstance(git, Mapping) else {}
    machine = run.environment.get("machine")
    found = machine if isinstance(machine, Mapping) else {}
    software = run.environment.get("software")
    return {
        "machine_info": {
            "node": str(run.environment.get("machine_id", "")),
            "system": str(found.get("system", "")),
            "release": str(found.get("kernel", "")),
            "machine": str(found.get("architecture", "")),
            "cpu": {"brand_raw": str(found.get("cpu", "")), "count": found.get("cores")},
            "python_version": str(software.get("python", "")) if isinstance(software, Mapping) else "",
            "tipbench": __version__,
        },
        "commit_info": {
            "id": str(revision.get("revision", "")),
            "dirty": bool(revision.get("dirty")),
            "time": None,
        },
        "benchmarks": list(_entries(run.measurements)),
        "datetime": str(run.facts.get("started", "")),
        "version": "5.0.0",
    }


def _entries(measurements: Sequence[Measurement]) -> Iterator[dict[str, Any]]:
    rounds: dict[tuple[str, str], list[float]] = defaultdict(list)
    facts: dict[tuple[str, str], dict[str, Any]] = {}
    for measurement in measurements:
        if measurement.survey:
            continue
        for trial in measurement.trials:
            values = trial.samples.get(_SECONDS, ())
            if trial.status is Status.MEASURED and values:
                key = (measurement.case, trial.variant)
                rounds[key].extend(values)
                facts[key] = {
                    "claim": measurement.claim,
                    "case": measurement.case,
                    "variant": trial.variant,
                    "iterations_per_round": trial.iterations,
                    **trial.exact,
                }
    for (case, variant), taken in rounds.items():
        path, _, test = case.partition("::")
        suffix = "" if variant == BASELINE else f":{variant}"
        yield {
            "group": test or case,
            "name": f"{test or case}{suffix}",
            "fullname": f"{path}::{test}{suffix}",
            "params": None,
            "param": parameters(case) or None,
            "extra_info": facts[case, variant],
            "options": {"disable_gc": True, "timer": "harness", "min_rounds": len(taken), "warmup": True},
            "stats": _stats(taken),
        }


def _stats(data: Sequence[float]) -> dict[str, Any]:
    first, _, third = quantiles(data, n=4, method="inclusive") if len(data) > 1 else [data[0]] * 3
    mean, deviation, spread = fmean(data), stdev(data) if len(data) > 1 else 0.0, third - first
    beyond = sum(abs(value - mean) > deviation for value in data)
    within = [value for value in data if first - 1.5 * spread <= value <= third + 1.5 * spread]
    total = math.fsum(data)
    return {
        "min": min(data),
        "max": max(data),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(data),
        "median": median(data),
        "iqr": spread,
        "q1": first,
        "q3": third,
        "iqr_outliers": len(data) - len(within),
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{len(data) - len(within)}",
        "ld15iqr": min(within, default=min(data)),
        "hd15iqr": max(within, default=max(data)),
        "ops": len(data) / total if total else 0.0,
        "total": total,
        "data": list(data),
        "iterations": 1,
    }
