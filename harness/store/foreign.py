"""Results of other tools, read as runs: JSON of pytest-benchmark, pyperf and asv.

What they recorded is taken as it is, and what they did not is said in the run's warnings: how many processes
measured, and that base and head never took turns.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from harness.model import BASELINE, FIXTURE, Claim, Measurement, Trial, benchmark_of
from harness.plural import counted
from harness.store.lines import StoreError
from harness.store.reading import Run

LARGEST = 2**28
"""Bytes of a file that is read."""

SOURCE = "source"
"""The fact of a run that names the tool whose results it has."""

_OF_JSON = "json "
"""What digests of JSON's values begin with: those in our own runs are of Python's values, and not comparable.
"""

Samples = tuple[float, ...]


def is_foreign(run: Run) -> bool:
    """Whether another tool measured it."""
    return SOURCE in run.facts


def read_foreign(file: Path) -> Run:
    """The results in a file of another tool. Raises StoreError that names the file for anything else."""
    try:
        content = file.read_bytes() if file.stat().st_size <= LARGEST else b""
        if content[:2] == b"\x1f\x8b":
            with gzip.open(file) as packed:
                content = packed.read(LARGEST + 1)
        if not 0 < len(content) <= LARGEST:
            raise StoreError(f"{file} is empty, or longer than {LARGEST // 2**20} MiB: nothing is read of it")
        found = json.loads(content)
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError, EOFError) as error:
        raise StoreError(
            f"{file} is not JSON: {error}; name the file as its tool wrote it, or a run's folder"
        ) from error
    for tool, is_its, read in _TOOLS:
        if isinstance(found, dict) and is_its(found):
            try:
                return read(file, found)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
                raise StoreError(
                    f"{file} is not what {tool} writes today: {type(error).__name__}: {error}; measure again with a "
                    "newer version"
                ) from error
    raise StoreError(
        f"{file} has no results of pytest-benchmark, pyperf or asv: name such a file, or a run's folder"
    )


def aligned(runs: Sequence[Run]) -> list[Run]:
    """The runs; a case of another tool's is called as ours is where its name only has more folders in
    front."""
    ours = {measurement.case for run in runs if not is_foreign(run) for measurement in run.measurements}
    return [_renamed(run, ours) if is_foreign(run) else run for run in runs]


def _renamed(run: Run, ours: set[str]) -> Run:
    names: dict[str, str] = {}
    for case in dict.fromkeys(measurement.case for measurement in run.measurements):
        path, mark, rest = case.partition("::")
        parts = path.split("/")
        shorter = ["/".join(parts[index:]) + mark + rest for index in range(len(parts))]
        names[case] = next((name for name in shorter if name in ours), case)
    if len(set(names.values())) < len(names):
        return run
    measurements = [replace(each, case=names[each.case]) for each in run.measurements]
    return _run(run.folder, str(run.facts[SOURCE]), run.facts, measurements, run.warnings)


def _pytest_benchmark(file: Path, found: Mapping[str, Any]) -> Run:
    measurements = []
    for entry in found["benchmarks"]:
        stats = entry["stats"]
        data = stats.get("data") or [stats[name] for name in ("ld15iqr", "q1", "median", "q3", "hd15iqr")]
        one = _measurement(entry["fullname"], 1, _seconds(data), stats["iterations"])
        params = {str(name): _digest(value) for name, value in (entry.get("params") or {}).items()}
        measurements.append(replace(one, digests=params))
    lacks = (
        "one process measured each benchmark, its rounds one after the other: how much processes differ is not in "
        "it, and no difference can be shown; its interval is the range of nearly all rounds of both sides"
    )
    machine = found.get("machine_info") or {}
    facts = {"started": found.get("datetime", ""), "python": machine.get("python_version", "")}
    return _run(file, "pytest-benchmark", facts, measurements, (lacks,))


def _digest(value: object) -> str:
    """Equal for equal values of a parameter, whose names may only count them (``shape0``); empty if unknown.

    What is no JSON stands there as its ``repr``, which may have an address or be cut short.
    """
    text = json.dumps(value, sort_keys=True)
    if "UNSERIALIZABLE[" in text and re.search(r"\b0x[0-9a-fA-F]{4,}\b|\.\.\.", text):
        return ""
    return _OF_JSON + hashlib.sha256(text.encode()).hexdigest()[:16]


def _pyperf(file: Path, found: Mapping[str, Any]) -> Run:
    measurements, others, processes = [], 0, set()
    common = found.get("metadata") or {}
    for benchmark in found["benchmarks"]:
        stated = {**common, **(benchmark.get("metadata") or {})}
        runs = [run for run in benchmark["runs"] if run.get("values")]
        metadata = {**stated, **(runs[0].get("metadata") or {})} if runs else stated
        if metadata.get("unit", "second") != "second":
            others += 1
            continue
        processes.add(len(runs))
        loops = int(metadata.get("loops", 1))
        for number, run in enumerate(runs, start=1):
            measurements.append(_measurement(str(metadata["name"]), number, _seconds(run["values"]), loops))
    facts = {"started": common.get("date", ""), "python": common.get("python_version", "")}
    counts = " or ".join(map(str, sorted(processes)))
    lacks = (f"{counts} processes measured each benchmark, one after the other: no two of them took turns",)
    return _run(file, "pyperf", facts, measurements, (*lacks, *_left_out(others)))


def _asv(file: Path, found: Mapping[str, Any]) -> Run:
    measurements, others = [], 0
    columns = found["result_columns"]
    for name, row in found["results"].items():
        if not name.rpartition(".")[2].startswith("time_"):
            others += 1
            continue
        entry = dict(zip(columns, row, strict=False))
        results = entry.get("result") or []
        for index, params in enumerate(product(*entry.get("params") or [])):
            value = results[index] if index < len(results) else None
            if value is None:  # it failed, or was skipped
                continue
            case = f"{name}[{'-'.join(map(str, params))}]" if params else name
            samples = _at(entry, "samples", index) or [
                quartile
                for column in ("stats_q_25", "result", "stats_q_75")
                if (quartile := _at(entry, column, index)) is not None
            ]
            number = _at(entry, "stats_number", index) or 1
            measurements.append(_measurement(case, 1, _seconds(samples), number))
    lacks = (
        "asv does not record which process measured what: no difference can be shown; its interval is the range of "
        "nearly all samples of both sides, or of their middle half where samples were not recorded",
    )
    facts = {"started": "", "python": str(found.get("python", "")), "head": found.get("commit_hash", "")}
    return _run(file, "asv", facts, measurements, (*lacks, *_left_out(others)))


def _at(entry: Mapping[str, Any], column: str, index: int) -> Any:
    values = entry.get(column)
    return values[index] if isinstance(values, list) and index < len(values) else None


def _left_out(others: int) -> tuple[str, ...]:
    return (f"{counted(others, 'benchmark')} of other units than seconds left out",) if others else ()


def _seconds(values: Iterable[Any]) -> Samples:
    """Raises ValueError for what are no seconds, and for none."""
    found = tuple(float(value) for value in values)
    if not found or not all(math.isfinite(value) and value >= 0 for value in found):
        raise ValueError(f"{str(found)[:80]} are no seconds")
    return found


def _measurement(case: str, invocation: int, samples: Samples, iterations: int) -> Measurement:
    function = benchmark_of(case)
    trial = Trial(BASELINE, iterations=iterations, samples={"seconds": samples})
    return Measurement(case, _claim_name(function), invocation, trials=(trial,))


def _claim_name(function: str) -> str:
    return function.rpartition("::")[2].removeprefix("test_")


def _run(
    file: Path, tool: str, facts: Mapping[str, Any], measurements: Sequence[Measurement], lacks: Sequence[str]
) -> Run:
    functions = dict.fromkeys(benchmark_of(measurement.case) for measurement in measurements)
    claims = []
    for function in functions:
        path, _, name = function.partition("::")
        claims.append(Claim(_claim_name(function), "", path, name, fixture=FIXTURE))
    warnings = [
        lack if lack.startswith(f"{file.name} (") else f"{file.name} ({tool}): {lack}" for lack in lacks
    ]
    return Run(
        file, {**facts, SOURCE: tool}, tuple(claims), {}, tuple(measurements), warnings=tuple(warnings)
    )


_Reader = tuple[str, Callable[[Mapping[str, Any]], bool], Callable[[Path, Mapping[str, Any]], Run]]

_TOOLS: tuple[_Reader, ...] = (
    ("asv", lambda found: "result_columns" in found and "results" in found, _asv),
    (
        "pyperf",
        lambda found: "benchmarks" in found and "version" in found and "machine_info" not in found,
        _pyperf,
    ),
    ("pytest-benchmark", lambda found: "benchmarks" in found and "machine_info" in found, _pytest_benchmark),
)
