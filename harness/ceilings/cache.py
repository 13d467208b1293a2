"""Ceilings that were measured before, kept in a file for each environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.loading.data.cache import cache_root
from harness.model import Ceiling
from harness.store import ceiling_from
from harness.store.whole_file import write_whole

VERSION = 1
"""Part of every kept file's name: a change of the method must not use figures of an older version."""

COST = {"cpu": 15.0, "gpu": 40.0}
"""Seconds that measuring takes at most, about, the import of torch included."""

LARGEST = 2**20
"""Bytes of a kept file that is still read."""

_IN_THE_KEY = {
    "machine": ("cpu", "cores", "affinity", "quota_cores", "usable_cores", "kernel"),
    "driver": ("version",),
    "software": ("torch", "cuda", "cudnn", "python", "torchvision", "torchcodec"),
}


@dataclass(frozen=True, slots=True)
class MeasuredCeilings:
    """Ceilings with the moment they were measured (an ISO date); ``kept`` where that was in an earlier
    run."""

    ceilings: tuple[Ceiling, ...]
    measured: str
    environment: Mapping[str, object]
    warnings: tuple[str, ...] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True)
class CeilingsRequest:
    """What is to be measured: by which interpreter, on which device, decoding which images (None: generated
    ones)."""

    python: str
    device: str = "auto"
    data: Path | None = None
    borrowed: Path | None = None

    def cost(self, environment: Mapping[str, object]) -> float:
        """Seconds that measuring takes, about."""
        return COST[self._where(environment)]

    def key(self, environment: Mapping[str, object]) -> str:
        """Equal where the same ceilings are to be expected: machine, driver, versions, flags, variables,
        images."""
        parts = {part: _picked(environment.get(part), names) for part, names in _IN_THE_KEY.items()}
        whole = {name: environment.get(name) for name in ("machine_id", "gpus", "flags", "variables")}
        stated = [VERSION, parts, whole, self._where(environment), str(self.data or "")]
        return hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def _where(self, environment: Mapping[str, object]) -> str:
        return "cpu" if self.device == "cpu" or not environment.get("gpus") else "gpu"


def kept(request: CeilingsRequest, environment: Mapping[str, object]) -> MeasuredCeilings | None:
    """What was measured before in this environment; None if nothing was, or it cannot be read."""
    try:
        path = _place(request, environment)
        if path.stat().st_size > LARGEST:
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        ceilings = tuple(ceiling_from(stated) for stated in document["ceilings"])
        return (
            MeasuredCeilings(ceilings, str(document["measured"]), environment, kept=True)
            if ceilings
            else None
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep(request: CeilingsRequest, found: MeasuredCeilings) -> None:
    """Write it to the cache, whole or not at all; if that fails, the next run measures again."""
    content = {"measured": found.measured, "ceilings": [asdict(ceiling) for ceiling in found.ceilings]}
    try:
        path = _place(request, found.environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(content))
    except OSError:
        return


def _place(request: CeilingsRequest, environment: Mapping[str, object]) -> Path:
    return cache_root() / "ceilings" / f"{request.key(environment)}.json"


def _picked(record: object, names: tuple[str, ...]) -> dict[str, object]:
    return {name: record.get(name) for name in names} if isinstance(record, Mapping) else {}
