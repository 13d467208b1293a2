"""The recorded samples: seconds of rounds of identical code, and of code that really does more."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RECORDED = Path(__file__).resolve().parents[2] / "tests" / "data" / "quiet.json.gz"

Rounds = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Duet:
    """One process in which base and head took turns round by round; equal index is the same block.

    ``injected`` did the work of ``base`` and a really executed share ``slowdown`` on top; both are empty for
    loaders.
    """

    base: Rounds
    head: Rounds
    injected: Rounds = ()
    slowdown: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """All processes of one workload: those with taking turns, and those with one side, in the order they
    ran."""

    name: str
    duets: tuple[Duet, ...]
    alone: tuple[Rounds, ...]

    @property
    def loader(self) -> bool:
        """Whether it is epochs of a data loader."""
        return self.name.startswith("dataloader")


def read(file: Path = RECORDED) -> tuple[Workload, ...]:
    """All recorded workloads. Raises OSError, ValueError or KeyError for a file that is none."""
    with gzip.open(file, "rt", encoding="utf-8") as text:
        designs = json.load(text)["designs"]
    return tuple(
        Workload(
            name,
            tuple(map(_duet, duets)),
            tuple(tuple(p["base"]) for p in designs["sequential_invocations"][name]),
        )
        for name, duets in designs["duet"].items()
    )


def _duet(process: Mapping[str, object]) -> Duet:
    slowdown = process.get("injected_slowdown", 0.0)
    if not isinstance(slowdown, float):
        raise ValueError(f"injected_slowdown is a share, not {slowdown!r}")
    return Duet(
        _rounds(process["base"]), _rounds(process["head"]), _rounds(process.get("injected", ())), slowdown
    )


def _rounds(found: object) -> Rounds:
    if not isinstance(found, list | tuple):
        raise ValueError(f"rounds are a list of seconds, not {type(found).__name__}")
    return tuple(map(float, found))
