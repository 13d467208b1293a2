"""Ceilings against what is known of the card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gpu_proof.findings import Part, Skipped
from harness.ceilings.cache import CeilingsRequest
from harness.ceilings.client import CeilingsError, measured
from harness.model import highest
from harness.report.ceilings import WORDS, rate

KNOWN = {
    "H200": {"memory_copy": 4.3e12, "gemm_bf16": 790e12},
    "H100": {"memory_copy": 2.9e12, "gemm_bf16": 700e12},
}
"""What others reach: copies with reading and writing counted, products of random numbers; the H100 with HBM3.
"""

SHARE = 0.9


def ceilings(part: Part, folder: Path, device: str) -> None:
    """Measure them anew, and compare two of them with what is known of the card."""
    try:
        found = measured(CeilingsRequest(sys.executable, device), folder / "ceilings.log")
    except CeilingsError as error:
        raise Skipped(str(error)) from error
    best: dict[tuple[str, str], float] = {}
    for ceiling in found.ceilings:
        best[ceiling.device, ceiling.name] = max(best.get((ceiling.device, ceiling.name), 0.0), ceiling.value)
    for where, name in best:
        top = highest(found.ceilings, name, where)
        assert top is not None
        part.add(
            f"{where}, {WORDS.get(name, name)} ({top.detail})",
            rate(top),
            detail={"value": top.value, "unit": top.unit},
        )
    for warning in found.warnings:
        # What a ceiling is missing for is a miss; other warnings of the measuring process are not.
        missing = warning.startswith("no ceiling of ")
        part.add(
            warning, reached=False if missing else None, goal="every ceiling is measured" if missing else ""
        )
    if device != "cuda":
        part.skip("against what is known of the card", "needs CUDA")
        return
    gpus: Any = found.environment.get("gpus") or [{"name": "unknown"}]
    own = str(gpus[0]["name"])
    card = next((name for name in KNOWN if name in own), "")
    if not card:
        part.skip("against what is known of the card", f"nothing is known here of a {own}")
        return
    for name, known in KNOWN[card].items():
        share = best.get(("cuda", name), 0.0) / known
        part.add(
            f"{WORDS[name]}, of what is known of an {card}",
            share,
            "x",
            goal=f"at least {SHARE}",
            reached=share >= SHARE,
        )
