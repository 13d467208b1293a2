"""A run as records of PyTorch's benchmark database, version 3, which its dashboards (HUD) show.

The names of the fields are those of the table ``benchmark.oss_ci_benchmark_v3`` in pytorch/test-infra
(``clickhouse_db_schema/benchmark.oss_ci_benchmark_v3/schema.sql``), what lies in the fields of a runner is
what its ``.github/scripts/benchmarks/gather_runners_info.py`` gathers. ``upload_benchmark_results.py`` there
adds what it knows of the workflow (``repo``, ``workflow_id``, ``job_id``, ``run_attempt``, ``name``) to each
record, and a record's own fields win: what a run does not know is left out, never empty.

The dashboards show two digits behind the point. Times and energies are therefore in millionths.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from harness import __version__
from harness.judge.group import Axis, RunGroup, VariantRuns, columns
from harness.judge.runs import levels, reading
from harness.model import Claim, Metric, Status, Work, benchmark_of, metric, parameters
from harness.store import Run

SCHEMA_VERSION = "v3"
SUITE = "tipbench"
"""The name of the benchmark, under which a dashboard lists its models."""

_MILLIONTHS = {"s": ("seconds", "microseconds", "us"), "J": ("joules", "microjoules", "uJ")}
"""By unit: the word in a metric's name, the word in place of it, and the unit in place of the unit."""

_LARGEST_FLOAT = (2 - 2**-23) * 2.0**127
"""Values are floats of 32 bits: a larger one would become infinite."""

_LARGEST_COUNT = 2**32 - 1
_MODES = ("training", "inference")
_PREFIX = re.compile(r"(?:bench|test|time|peakmem|track)_(?=.)")


def hud_records(run: Run) -> list[dict[str, Any]]:
    """One record a case, variant and metric of what was measured.

    ``benchmark_values`` has the typical round of each invocation, or the latest single reading. A model is a
    case, its type the operation that the benchmark's name states, its backend the variant. A variant that was
    wrong has no record.
    """
    (group,) = columns([(run.folder.name, run)], Axis.RUN)
    common = dict(_common(run))
    return [record for cell in group.cells.values() for record in _of_cell(common, group, cell)]


def _of_cell(common: Mapping[str, Any], group: RunGroup, cell: VariantRuns) -> Iterator[dict[str, Any]]:
    trials = [one for each in cell.measurements if (one := each.trial(cell.variant)) is not None]
    if not cell.trials() or any(trial.status is Status.WRONG for trial in trials):
        return
    readings = (part for one in trials for part in (one.samples, one.exact, one.solo))
    for name in dict.fromkeys(name for part in readings for name in part):
        rounds = [math.exp(level) for level in levels(cell, name)]
        single = None if rounds else reading(cell, name)
        values = rounds if single is None else [single]
        source = next((one.sources[name] for one in reversed(trials) if name in one.sources), "")
        found = _metric(metric(name), values, source)
        if found["benchmark_values"]:
            own = _benchmark(common["benchmark"], group, cell)
            yield {**common, "benchmark": own, "model": _model(cell), "metric": found}


def _metric(known: Metric, values: Iterable[float], source: str) -> dict[str, Any]:
    word, instead, unit = _MILLIONTHS.get(known.unit, ("", "", known.unit))
    factor = 1e6 if word else 1.0
    scaled = [value * factor for value in values]
    return {
        "name": known.name.replace(word, instead) if word else known.name,
        "benchmark_values": [value for value in scaled if abs(value) <= _LARGEST_FLOAT],
        "extra_info": _texts(unit=unit, direction=known.direction, kind=known.kind, source=source),
    }


def _benchmark(common: Mapping[str, Any], group: RunGroup, cell: VariantRuns) -> dict[str, Any]:
    claim = group.claims.get(benchmark_of(cell.case), Claim("", "", "", ""))
    mode = next((part for part in parameters(cell.case).split("-") if part in _MODES), "")
    work = next((each.work for each in reversed(cell.measurements) if not each.survey), Work())
    dtype = work.precision.get(cell.variant, "fp32" if work.flops else "")
    more = _texts(claim=claim.name, sentence=claim.sentence)
    return {**common, **_texts(mode=mode, dtype=dtype), "extra_info": {**common["extra_info"], **more}}


def _model(cell: VariantRuns) -> dict[str, Any]:
    _, _, function = benchmark_of(cell.case).rpartition("::")
    return {
        "name": cell.case,
        "type": _PREFIX.sub("", function, count=1),
        "backend": cell.variant,
        "origins": [SUITE],
        "extra_info": _texts(parameters=parameters(cell.case)),
    }


def _common(run: Run) -> Iterator[tuple[str, Any]]:
    """What all records of a run have in common. Nothing in a record of ours can make this fail."""
    environment = run.environment
    git, software = _table(environment, "git"), _table(environment, "software")
    yield "schema_version", SCHEMA_VERSION
    if (moment := _moment(run.facts.get("started"))) is not None:
        yield "timestamp", moment
    yield from _texts(head_sha=git.get("revision"), head_branch=git.get("branch")).items()
    runner = _runner(environment)
    yield "runners", [runner]
    dirty = str(bool(git["dirty"])).lower() if "dirty" in git else ""
    about = _texts(
        device=runner["name"], arch=runner["type"], run=run.folder.name, dirty=dirty, tipbench=__version__
    )
    yield "benchmark", {"name": SUITE, "extra_info": about}
    versions = {name: found for name, found in software.items() if found and name != "dali_wheel"}
    yield "dependencies", {str(name): {"version": str(found)} for name, found in versions.items()}


def _runner(environment: Mapping[str, Any]) -> dict[str, Any]:
    """The machine that measured, named as PyTorch's own runners are: by its device, and the device's name."""
    machine = _table(environment, "machine")
    device = _table(environment, "device")
    listed = environment.get("gpus")
    gpus = [gpu for gpu in listed if isinstance(gpu, Mapping)] if isinstance(listed, list) else []
    used = next((gpu for gpu in gpus if gpu.get("uuid") == device.get("uuid")), gpus[0] if gpus else {})
    kind = str(device.get("type") or "cpu")
    counts = {
        "cpu_count": _count(machine.get("cores")),
        "avail_mem_in_gb": _count(machine.get("memory_bytes"), 30),
        "gpu_count": len(gpus) or None,
        "avail_gpu_mem_in_gb": _total(_count(gpu.get("memory_bytes"), 30) for gpu in gpus),
    }
    return {
        "name": kind,
        "type": str((machine.get("cpu") if kind == "cpu" else used.get("name")) or ""),
        **_texts(cpu_info=machine.get("architecture"), gpu_info=used.get("name")),
        **{name: count for name, count in counts.items() if count is not None},
        "extra_info": _texts(
            machine_id=environment.get("machine_id"),
            cpu=machine.get("cpu"),
            kernel=machine.get("kernel"),
            driver=_table(environment, "driver").get("version"),
        ),
    }


def _texts(**values: object) -> dict[str, str]:
    """What there is, as texts: the database takes nothing else beside the fields that it knows."""
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def _table(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(value: object, bits: int = 0) -> int | None:
    """A whole number that the database takes, without its last ``bits``; None for anything else."""
    whole = value >> bits if isinstance(value, int) else -1
    return whole if 0 <= whole <= _LARGEST_COUNT else None


def _total(counts: Iterable[int | None]) -> int | None:
    return _count(sum(count or 0 for count in counts)) or None


def _moment(started: object) -> int | None:
    """Seconds since 1970; None where the run does not say."""
    try:
        moment = int(datetime.fromisoformat(str(started)).timestamp())
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment >= 0 else None
