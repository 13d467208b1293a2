"""Saved runs to make reports of, and what is printed of them into a pipe."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.model import BASELINE, Claim, Measurement, Trial
from harness.report.builders.run import run_document
from harness.report.render.terminal import show_document
from harness.store import Run, load, open_invocation, open_run, write_measurement

ENVIRONMENT = {
    "machine": {"cpu": "Some CPU", "cores": 8, "usable_cores": 2, "memory_bytes": 2**33, "system": "Linux",
                "kernel": "6.1", "container": None},
    "gpus": [{"name": "Some GPU", "memory_bytes": 80 * 2**30}],
    "driver": {"version": "570.1", "cuda": "12.8"},
    "software": {"torch": "2.14.1", "python": "3.11.7", "cuda": "13.0"},
    "git": {"revision": "0123456789abcdef", "dirty": True},
    "warnings": ["the quota cannot be read"],
}  # fmt: skip


def rounds(center: float, invocation: int, spread: float = 0.002) -> tuple[float, ...]:
    """Eight rounds with a little deterministic noise that differs between invocations."""
    return tuple(center * (1 + spread * ((7 * invocation + 3 * block) % 5 - 2)) for block in range(8))


def trial(name: str, seconds: float, invocation: int, **more: Any) -> Trial:
    """A measured trial."""
    return Trial(name, samples={"seconds": rounds(seconds, invocation)}, **more)


def measurements_of(claim: Claim, title: str, count: int, **seconds: float) -> list[Measurement]:
    """``count`` invocations of a case, by the seconds of its variants."""
    case = f"{claim.path}::{claim.function}" + (f"[{title}]" if title else "")
    return [
        Measurement(case, claim.name, n, seconds=2.0,
                    trials=tuple(trial(name, value, n) for name, value in {BASELINE: 1e-3, **seconds}.items()))
        for n in range(1, count + 1)
    ]  # fmt: skip


def saved(
    folder: Path,
    claims: Sequence[Claim],
    measurements: Sequence[Measurement],
    *,
    planned: Sequence[str] = (),
    environment: dict[str, Any] | None = None,
    why: str = "everything was decided",
    command: Sequence[str] = ("bench",),
) -> Run:
    """A run that went through the store; without ``why`` it never ended."""
    writer = open_run(
        folder,
        claims,
        started="2026-01-02T03:04:05+00:00",
        budget=60.0,
        profile="standard",
        command=list(command),
    )
    inner = open_invocation(
        folder,
        "invocation-001",
        environment=environment or ENVIRONMENT,
        planned=[*planned, *dict.fromkeys(m.case for m in measurements)],
    )
    for measurement in measurements:
        write_measurement(inner, measurement)
    inner.close()
    if why:
        writer.write("end", why=why)
    writer.close()
    return load(folder)


def shown(run: Run, width: int = 100, **more: Any) -> str:
    """What the report prints into a pipe."""
    file = io.StringIO()
    show_document(run_document(run), Console(file=file, width=width, **more))
    return file.getvalue()
