"""Whether two cells may be compared at all, and if not, why, in words."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import PurePath

from harness.judge.evidence import troubles
from harness.judge.group import RunGroup, VariantRuns, machine_of
from harness.model import Work, benchmark_of, counted_parameters, other_parameters, parameters
from harness.store import Run

_CLOSE = 1e-6
"""Relative difference of stated work that rounding may make."""


def absent(case: str, there: RunGroup, missing: RunGroup) -> str:
    """Why the second column has no such cell, which the first one has."""
    if case in {cell.case for cell in missing.cells.values()}:
        return f"variant only in {there.label}"
    if case in missing.cases:
        return f"{missing.label} planned it and never measured it"
    function = benchmark_of(case)
    others = sorted(parameters(other) for other in missing.cases if benchmark_of(other) == function)
    if others:
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        return f"other parameters: {missing.label} has {shown}"
    return f"only in {there.label}"


def why_not_comparable(
    first: VariantRuns, second: VariantRuns, labels: tuple[str, str], *, loader: bool
) -> str:
    """What keeps two cells from being compared; empty where nothing does."""
    for cell, label in zip((first, second), labels, strict=True):
        if not cell.trials():
            return _unmeasured(cell, label)
    if first.runs == second.runs:
        return ""
    kinds = _device_kinds(first.runs), _device_kinds(second.runs)
    if kinds[0] != kinds[1]:
        return f"other device: {kinds[0]} in {labels[0]}, {kinds[1]} in {labels[1]}"
    if names := other_parameters(first.digests(), second.digests()):
        return f"other parameters: {names} has another value in {labels[1]} than in {labels[0]}, under the same name"
    for cell in (first, second):
        if names := counted_parameters(cell.case, cell.digests()):
            way = "give them an id (pytest.param(..., id=...)) or a __repr__"
            return f"parameters known by their position alone: {names}; {way}"
    return _other_task(first, second, loader=loader)


def _other_task(first: VariantRuns, second: VariantRuns, *, loader: bool) -> str:
    works = first.trials()[-1][0].work, second.trials()[-1][0].work
    if (word := _other_work(*works)) is not None:
        return f"other inputs: {word}"
    if loader and (word := _other_data(first.runs[-1], second.runs[-1])) is not None:
        return f"other data: {word}"
    return ""


def _unmeasured(cell: VariantRuns, label: str) -> str:
    found = troubles(cell.measurements, cell.variant)
    if found:
        reason = " ".join(found[-1].reason.split())
        return f"{found[-1].status} in {label}{f': {reason}' if reason else ''}"
    return f"never timed in {label}"


def _device_kinds(runs: tuple[Run, ...]) -> str:
    return " and ".join(sorted({device_kind(run) for run in runs}))


def device_kind(run: Run) -> str:
    """cpu or cuda: what was typed, else whether torch could use a GPU that the environment lists."""
    typed = run.facts.get("command")
    words = [str(word) for word in typed] if isinstance(typed, list) else []
    for word, following in pairwise([*words, ""]):
        chosen = (
            following if word == "--device" else word.removeprefix("--device=") if "--device=" in word else ""
        )
        if chosen in ("cpu", "cuda"):
            return chosen
    software = run.environment.get("software")
    built = isinstance(software, dict) and bool(software.get("cuda"))
    return "cuda" if run.environment.get("gpus") and built else "cpu"


def _other_work(first: Work, second: Work) -> str | None:
    for name in ("items", "bytes", "flops"):
        one, other = getattr(first, name), getattr(second, name)
        if not math.isclose(one, other, rel_tol=_CLOSE):
            return f"{one:.6g} {name} an iteration there, {other:.6g} here"
    return None


def _other_data(first: Run, second: Run) -> str | None:
    one, other = (str(run.facts.get("data") or "") for run in (first, second))
    # Paths differ between machines, and a baseline has only the folder's name.
    here = machine_of(first) == machine_of(second) and all("/" in path for path in (one, other))
    same = one == other if here else PurePath(one).name == PurePath(other).name
    return None if same else f"{one or 'generated images'} there, {other or 'generated images'} here"
