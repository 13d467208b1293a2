"""Results of gates to make reports of: every outcome, and all that a report can show."""

from __future__ import annotations

from math import log
from typing import Any

from harness.judge.regression import status_of
from harness.model import (
    BeyondTolerated,
    Comparison,
    GateOutcome,
    GateResult,
    GateVerdict,
    Package,
    ReasonText,
    Side,
    SideFacts,
    text_notes,
)

ENVIRONMENT = {
    "machine": {"cpu": "Some CPU", "cores": 8, "usable_cores": 2},
    "gpus": [{"name": "Some GPU", "memory_bytes": 80 * 2**30}],
    "driver": {"version": "570.1", "cuda": "12.8"},
    "software": {"torch": "2.14.1", "python": "3.11.7"},
    "flags": {"num_threads": 2, "tf32": None},
    "variables": {"CUDA_CACHE_PATH": "/head/cache", "OMP_NUM_THREADS": "2", "OMP_PROC_BIND": "true"},
    "git": {"revision": "0123456789abcdef", "dirty": True},
    "warnings": ["the quota cannot be read"],
}
OLDER = {
    **ENVIRONMENT,
    "software": {"torch": "2.13.0", "python": "3.11.7"},
    "variables": {"CUDA_CACHE_PATH": "/base/cache", "OMP_PROC_BIND": "false"},
    "git": None,
    "warnings": [],
}
BASE = SideFacts(
    Side.BASE, "origin/main (1a2b3c4)", "/base/python", packages=(Package("work", "/base/work.py", "a" * 64),),
    environment=OLDER,
)  # fmt: skip
HEAD = SideFacts(
    Side.HEAD, "working tree (1a2b3c4 + changes)", "/head/python", {"OMP_NUM_THREADS": "2"},
    (Package("work", "/head/work.py", "b" * 64), Package("gone", "", "")), ENVIRONMENT,
)  # fmt: skip

METRICS = ("seconds", "peak_bytes", "launches", "a_reading")
CASE = "memory/bench_copy.py::bench_copy[64-cpu]"


def verdict(outcome: GateOutcome, case: str = CASE, variant: str = "pinned", **more: Any) -> GateVerdict:
    """A verdict of claim M1 on seconds, with the numbers that such an outcome has.

    ``reason`` is data, or words.
    """
    numbers: dict[str, Any] = {"metric": "seconds", "reason": f"because {outcome}"}
    ratios = {
        GateOutcome.REGRESSED: 1.071,
        GateOutcome.IMPROVED: 0.92,
        GateOutcome.UNCHANGED: 1.002,
        GateOutcome.INCONCLUSIVE: 1.031,
    }
    if ratio := ratios.get(outcome):
        numbers |= {"units": 14, "ratio": ratio, "low": ratio - 0.01, "high": ratio + 0.01}
        numbers |= {"base": 1e-3, "head": 1e-3 * ratio, "seconds": 2.5}
    numbers |= more
    if reason := numbers.pop("reason"):
        numbers["reason"] = ReasonText(reason) if isinstance(reason, str) else reason
    compared = {
        name: numbers.pop(name) for name in ("units", "ratio", "low", "high", "unsteady") if name in numbers
    }
    if compared.get("ratio") is not None:
        numbers["comparison"] = Comparison(numbers["metric"], compared.pop("units", 0), **compared)
    return GateVerdict(case, "M1", variant, outcome=outcome, **numbers)


def result(*verdicts: GateVerdict, **more: Any) -> GateResult:
    """A gate with these verdicts and the status that follows."""
    stated: dict[str, Any] = {
        "base": BASE, "head": HEAD, "status": status_of(verdicts), "decisions": len(verdicts), "target": 0.05,
        "loader_target": 0.1, "alpha": 0.01, "units": 14, "seconds": 134.0, "started": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip
    return GateResult(verdicts=verdicts, **{**stated, **more})


EVERY = result(
    *(verdict(outcome, f"a/bench_{n}.py::bench[x-{n}]", f"v{n}") for n, outcome in enumerate(GateOutcome))
)

SMALL = result(
    verdict(GateOutcome.UNCHANGED, "a.py::b[1]", "baseline"),
    verdict(GateOutcome.REGRESSED, reason=BeyondTolerated(log(1.071), 0.00012, 0.0005, 14)),
    verdict(
        GateOutcome.REGRESSED,
        metric="peak_bytes",
        ratio=2.5,
        low=None,
        high=None,
        base=12 * 2.0**20,
        head=30 * 2.0**20,
        units=1,
        reason=None,
    ),
    verdict(GateOutcome.INCONCLUSIVE, "a.py::b[1]", unsteady=True, spread=0.02, resolvable=0.08),
    verdict(GateOutcome.IMPROVED, "a.py::b[1]", "fast", spread=0.02, resolvable=0.08),
    verdict(GateOutcome.FAILED, "a.py::b[2]", "", metric="", reason="ValueError: no"),
    verdict(GateOutcome.UNCHANGED, "a.py::b[2]", "baseline", ratio=0.98, low=0.97, high=0.99),
    verdict(GateOutcome.MISSING, "old.py::b", ""),
    verdict(GateOutcome.NEW, "new.py::b", "one", reason="on head only"),
    verdict(GateOutcome.NEW, "new.py::b", "two", reason="on head only"),
    verdict(GateOutcome.SKIPPED, "c.py::b[1]", "x", reason="no GPU"),
    verdict(GateOutcome.SKIPPED, "c.py::b[2]", "x", reason="no GPU"),
    notes=text_notes(["self-test of 2026-01-01: noise floor 0.8 %"]),
)
