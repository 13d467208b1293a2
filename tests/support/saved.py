"""Saved runs for tests: written through the store, as a run writes them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.model import BASELINE, Claim, EndReason, Measurement, Trial, Work
from harness.store import open_invocation, open_run, write_measurement
from tests.support.living import ROOT

RECORDED = ROOT / "tests" / "data" / "quiet.json.gz"

ENVIRONMENT: dict[str, Any] = {
    "machine_id": "0123456789ab",
    "machine": {"cpu": "Some CPU", "cores": 8, "usable_cores": 2, "memory_bytes": 2**33, "system": "Linux",
                "kernel": "6.1", "container": None},
    "gpus": [],
    "driver": {},
    "software": {"torch": "2.14.1", "python": "3.11.7", "cuda": "13.0"},
    "flags": {"cudnn_benchmark": False},
    "variables": {},
    "git": {"revision": "0123456789abcdef", "dirty": False},
    "warnings": ["this one differs from run to run"],
}  # fmt: skip


def claim(name: str, **stated: Any) -> Claim:
    """A claim with a path of its own."""
    return Claim(
        name, f"The sentence of {name}.", f"bench_{name.lower()}.py", f"bench_{name.lower()}", **stated
    )


def rounds(center: float, salt: int, spread: float = 0.002) -> tuple[float, ...]:
    """Eight rounds with a little noise that is the same every time, and another with another salt."""
    return tuple(
        center * (1 + spread * (((7 * salt + 3 * block) * 2654435761 % 97) / 48 - 1)) for block in range(8)
    )


def measurements_of(
    of: Claim,
    parameters: str,
    count: int,
    variants: Mapping[str, float] = MappingProxyType({}),
    *,
    salt: int = 0,
    work: Work | None = None,
    **seconds: float,
) -> list[Measurement]:
    """``count`` invocations of a case, by the seconds of its ``variants`` or keywords; the baseline takes 1
    ms."""
    case = f"{of.path}::{of.function}" + (f"[{parameters}]" if parameters else "")
    levels = {BASELINE: 1e-3, **variants, **seconds}
    return [
        Measurement(
            case,
            of.name,
            n,
            seconds=2.0,
            work=work or Work(),
            trials=tuple(
                Trial(
                    name,
                    samples={"seconds": rounds(value, 1000 * salt + 10 * n + index)},
                    exact={"peak_bytes": 2.0**20 * (1 + index)},
                    sources={"peak_bytes": "some allocator"},
                )
                for index, (name, value) in enumerate(levels.items())
            ),
        )
        for n in range(1, count + 1)
    ]


def save(
    folder: Path,
    claims: Sequence[Claim],
    measurements: Iterable[Measurement],
    *,
    environment: Mapping[str, Any] | None = None,
    started: str = "2026-01-02T03:04:05+00:00",
    command: Sequence[str] = ("bench",),
    planned: Sequence[str] = (),
    ended: str = EndReason.ALL_DECIDED,
    **facts: Any,
) -> Path:
    """A run in a folder of its own."""
    writer = open_run(folder, claims, **{"budget": 60.0, "profile": "standard", "data": "", "command": list(command),
                                         "started": started, **facts})  # fmt: skip
    given = list(measurements)
    inner = open_invocation(
        folder,
        "invocation-001",
        environment=ENVIRONMENT if environment is None else environment,
        planned=[*planned, *dict.fromkeys(m.case for m in given)],
    )
    for measurement in given:
        write_measurement(inner, measurement)
    inner.close()
    writer.write("end", why=ended)
    writer.close()
    return folder


def recorded(design: str) -> dict[str, Any]:
    """The recorded noise of identical code by workload; ``sequential_invocations`` or ``duet``."""
    found: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))["designs"][design]
    return found
