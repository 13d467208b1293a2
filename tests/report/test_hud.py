"""Records of PyTorch's benchmark database: nothing but the fields of its table, each of its type."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.forms import as_json
from harness.model import BASELINE, Measurement, Status, Trial, Work
from harness.report.builders.hud_records import hud_records
from harness.store import Run, load
from harness.store.codec import no_constant
from tests.support import pages
from tests.support.living import ROOT
from tests.support.saved import ENVIRONMENT, claim, measurements_of, save

TEXTS = {"*": "String"}
"""A map from texts to texts."""

FIELDS: dict[str, Any] = {
    "timestamp": "UInt64",
    "schema_version": "String",
    "name": "String",
    "repo": "String",
    "head_branch": "String",
    "head_sha": "String",
    "workflow_id": "UInt64",
    "run_attempt": "UInt32",
    "job_id": "UInt64",
    "servicelab_experiment_id": "UInt64",
    "servicelab_trial_id": "UInt64",
    "runners": [
        {
            "name": "String",
            "type": "String",
            "cpu_info": "String",
            "cpu_count": "UInt32",
            "mem_info": "String",
            "avail_mem_in_gb": "UInt32",
            "gpu_info": "String",
            "gpu_count": "UInt32",
            "gpu_mem_info": "String",
            "avail_gpu_mem_in_gb": "UInt32",
            "extra_info": TEXTS,
        }
    ],
    "benchmark": {"name": "String", "mode": "String", "dtype": "String", "extra_info": TEXTS},
    "model": {"name": "String", "type": "String", "backend": "String", "origins": ["String"], "extra_info": TEXTS},
    "inputs": {"*": {"dtype": "String", "extra_info": TEXTS}},
    "dependencies": {
        "*": {"repo": "String", "branch": "String", "sha": "String", "version": "String", "extra_info": TEXTS}
    },
    "metric": {
        "name": "String", "benchmark_values": ["Float32"], "target_value": "Float32", "extra_info": TEXTS
    },
}  # fmt: skip
"""The columns of benchmark.oss_ci_benchmark_v3 in pytorch/test-infra, without that of its replicator."""

FITS: dict[str, Callable[[Any], bool]] = {
    "String": lambda value: isinstance(value, str),
    "UInt32": lambda value: type(value) is int and 0 <= value < 2**32,
    "UInt64": lambda value: type(value) is int and 0 <= value < 2**64,
    "Float32": lambda value: type(value) in (int, float) and abs(value) < 2.0**128,
}
"""What a column of a type takes."""

REQUIRED = {"schema_version", "runners", "benchmark", "model", "metric"}


def misfits(value: Any, kind: Any, place: str = "") -> list[str]:
    """Where a value is not what the table takes."""
    if isinstance(kind, list) and isinstance(value, list) and value:
        return [bad for each in value for bad in misfits(each, kind[0], f"{place}[]")]
    if isinstance(kind, dict) and isinstance(value, dict):
        strange = [f"{place}.{name} is no field" for name in value if not {name, "*"} & kind.keys()]
        known = ((name, kind.get(name, kind.get("*"))) for name in value if {name, "*"} & kind.keys())
        return strange + [bad for name, its in known for bad in misfits(value[name], its, f"{place}.{name}")]
    return [] if isinstance(kind, str) and FITS[kind](value) else [f"{place} is {value!r}"]


def written(run: Run) -> list[dict[str, Any]]:
    """The records of a run as a program reads them from a file, each checked."""
    found: list[dict[str, Any]] = json.loads(as_json(hud_records(run)), parse_constant=no_constant)
    assert found
    for record in found:
        assert misfits(record, FIELDS) == []
        assert record.keys() >= REQUIRED
    return found


def run_of(folder: Path, measurements: list[Measurement], **environment: Any) -> Run:
    """A saved run of one claim."""
    return load(save(folder, [claim("A1")], measurements, environment={**ENVIRONMENT, **environment}))


@pytest.mark.parametrize(
    ("record", "misfit"),
    [
        ({"head_commit": "x"}, ".head_commit is no field"),
        ({"timestamp": -1}, ".timestamp is -1"),
        ({"runners": [{"gpu_count": 2**32}]}, f".runners[].gpu_count is {2**32}"),
        ({"benchmark": {"extra_info": {"dirty": False}}}, ".benchmark.extra_info.dirty is False"),
        ({"metric": {"benchmark_values": [math.inf]}}, ".metric.benchmark_values[] is inf"),
        ({"metric": {"benchmark_values": []}}, ".metric.benchmark_values is []"),
    ],
)
def test_misfits_are_seen(record: dict[str, Any], misfit: str) -> None:
    """The check of these tests finds what does not fit."""
    assert misfits(record, FIELDS) == [misfit]


def test_real_records_fit(tmp_path: Path) -> None:
    """Runs that were measured, by this build and an earlier one, and one whose every name is hostile."""
    written(load(ROOT / "tests" / "data" / "saved" / "2026-11-29_22-14-44"))
    written(pages.hostile_run(tmp_path / "hostile"))
    found = written(pages.full_run(tmp_path / "full"))
    keys = [(r["model"]["name"], r["model"]["backend"], r["metric"]["name"]) for r in found]
    assert len(set(keys)) == len(keys)
    # Wrong and failed ones have no record, nor has what was skipped.
    assert {backend for name, backend, _ in keys if name.endswith("[t]")} == {BASELINE}
    assert not any("z9" in name for name, _, _ in keys)


def test_what_a_record_says(tmp_path: Path) -> None:
    """The case is the model, the variant its backend, each invocation one value, in microseconds."""
    git = {"revision": "0123456789abcdef", "branch": "main", "dirty": True}
    work = Work(flops=1.0, precision={"quick": "bf16"})
    run = run_of(
        tmp_path / "run", measurements_of(claim("A1"), "x-training", 3, quick=0.5e-3, work=work), git=git
    )
    times = {r["model"]["backend"]: r for r in written(run) if r["metric"]["name"] == "microseconds"}
    assert list(times) == [BASELINE, "quick"]
    one = times["quick"]
    assert (one["schema_version"], one["timestamp"]) == ("v3", 1767323045)
    assert (one["head_sha"], one["head_branch"]) == ("0123456789abcdef", "main")
    assert one["metric"]["benchmark_values"] == pytest.approx([500.0] * 3, rel=0.01)
    assert one["metric"]["extra_info"] == {"unit": "us", "direction": "lower", "kind": "noisy"}
    assert (one["model"]["name"], one["model"]["type"]) == ("bench_a1.py::bench_a1[x-training]", "a1")
    assert {k: one["benchmark"][k] for k in ("name", "mode", "dtype")} == {
        "name": "tipbench", "mode": "training", "dtype": "bf16",
    }  # fmt: skip
    assert one["benchmark"]["extra_info"]["claim"] == "A1"
    assert one["benchmark"]["extra_info"]["dirty"] == "true"
    assert times[BASELINE]["benchmark"]["dtype"] == "fp32"
    (peak,) = [
        r for r in written(run) if (r["model"]["backend"], r["metric"]["name"]) == ("quick", "peak_bytes")
    ]
    assert peak["metric"]["benchmark_values"] == [2.0**21]
    assert peak["metric"]["extra_info"]["source"] == "some allocator"


def test_runners_are_named_by_what_measured(tmp_path: Path) -> None:
    """A CPU, or the GPU that was used among those of the machine."""
    measured = measurements_of(claim("A1"), "", 1)
    (cpu,) = written(run_of(tmp_path / "cpu", measured))[0]["runners"]
    assert (cpu["name"], cpu["type"], cpu["cpu_count"], cpu["avail_mem_in_gb"]) == ("cpu", "Some CPU", 8, 8)
    assert "gpu_info" not in cpu
    gpus = [{"name": f"Card {n}", "uuid": f"GPU-{n}", "memory_bytes": 80 * 2**30} for n in (1, 2)]
    device = {"type": "cuda", "uuid": "GPU-2"}
    (cuda,) = written(run_of(tmp_path / "cuda", measured, gpus=gpus, device=device))[0]["runners"]
    assert (cuda["name"], cuda["type"], cuda["gpu_count"], cuda["avail_gpu_mem_in_gb"]) == (
        "cuda",
        "Card 2",
        2,
        160,
    )


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    """An upload adds what it knows only where a record has no such field."""
    run = run_of(
        tmp_path / "run", measurements_of(claim("A1"), "", 1), git=None, machine=[], gpus="none", device=3
    )
    strange = replace(run, facts={**run.facts, "started": "yesterday"})
    record = written(strange)[0]
    assert not record.keys() & {
        "timestamp",
        "head_sha",
        "head_branch",
        "repo",
        "workflow_id",
        "job_id",
        "name",
    }
    assert record["runners"] == [{"name": "cpu", "type": "", "extra_info": {"machine_id": "0123456789ab"}}]


def test_what_is_not_finite_has_no_record(tmp_path: Path) -> None:
    """No value is NaN, infinite, or becomes infinite in the database's 32 bits."""
    run = run_of(tmp_path / "run", measurements_of(claim("A1"), "", 1))
    huge = {name: (value,) for name, value in (("seconds", 1e34), ("own", 1.7e308), ("other", math.inf))}
    trials = (
        Trial(BASELINE, samples=huge, exact={"peak_bytes": math.nan, "ooms": 1.0}, solo={"joules": 1e308}),
        Trial("wrong", Status.WRONG, samples={"seconds": (1.0,)}),
        Trial("other", samples={"seconds": (-1.0,)}, exact={"peak_bytes": -math.inf, "launches": 3.0}),
    )
    strange = replace(run, measurements=(replace(run.measurements[0], trials=trials),))
    found = [
        (r["model"]["backend"], r["metric"]["name"], r["metric"]["benchmark_values"])
        for r in written(strange)
    ]
    assert found == [(BASELINE, "ooms", [1.0]), ("other", "launches", [3.0])]


def test_a_wrong_variant_has_no_record(tmp_path: Path) -> None:
    """One process in which a variant was wrong is enough."""
    measured = measurements_of(claim("A1"), "", 2, quick=0.5e-3)
    wrong = replace(measured[1], trials=(measured[1].trials[0], Trial("quick", Status.WRONG, "4 differ")))
    found = written(run_of(tmp_path / "run", [measured[0], wrong]))
    assert {record["model"]["backend"] for record in found} == {BASELINE}
