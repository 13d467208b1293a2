"""The recorded units of identical code, and how runs are drawn from them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.judge.moderated import Prior, Spread, prior_of, spread_of
from harness.judge.stats import quiet_ratio
from harness.judge.units import Unit
from harness.measure.limits import LOADER_BLOCKS

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
RECORDINGS = {"quiet": DATA / "quiet.json.gz", "neighbours": DATA / "neighbours.json.gz"}
"""Recordings by what the machine did meanwhile."""

PAIRS = {False: 10, True: LOADER_BLOCKS}
"""Pairs of rounds in a unit; True is for loaders."""

OTHERS = 23
"""Other decisions of a run, all of other workloads where there are any."""

THEIR_UNITS = (3, 3, 3, 3, 4, 5, 7)
"""How many units the others have, by chance: most effects are clear after three."""

MOST = 28
"""Units that a decision has at the most: the last look."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pool:
    """The units of one workload: log ratios of code to itself."""

    name: str
    units: Floats

    @property
    def loader(self) -> bool:
        """Whether it is epochs of a data loader."""
        return self.name.startswith("dataloader")

    @property
    def margin(self) -> float:
        """The margin of claims about such work."""
        return 0.05 if self.loader else 0.02

    def draw(self, count: int, effect: float, random: np.random.Generator) -> Floats:
        """So many units, their signs flipped by chance, around ``effect`` (a share)."""
        signs = random.choice([-1.0, 1.0], count)
        return np.asarray(random.choice(self.units, count) * signs + np.log1p(effect), dtype=np.float64)


def read(file: Path) -> tuple[Pool, ...]:
    """Every workload of a recording. Raises OSError, ValueError or KeyError for a file that is none."""
    with gzip.open(file, "rt", encoding="utf-8") as text:
        found = json.load(text)["designs"]["duet"]
    pools = []
    for name, processes in found.items():
        width = PAIRS[name.startswith("dataloader")]
        units = [
            quiet_ratio(process["base"][start : start + width], process["head"][start : start + width])
            for process in processes
            for start in range(0, len(process["base"]) - width + 1, width)
        ]
        pools.append(Pool(name, np.asarray(units, dtype=np.float64)))
    return tuple(pools)


def units_of(logs: Floats) -> list[Unit]:
    """Units that are steady."""
    return [Unit(float(log), float(log)) for log in logs]


def prior_beside(pool: Pool, pools: tuple[Pool, ...], random: np.random.Generator) -> Prior:
    """The prior of a run in which all other decisions are about other work of its sort.

    A noisy workload alone among quiet ones is the hardest case. A loader, the only one that was recorded, is
    among loaders like itself.
    """
    sort = [other for other in pools if other.loader is pool.loader]
    others = [other for other in sort if other is not pool] or sort
    spreads: list[Spread] = []
    for _ in range(OTHERS):
        other = others[int(random.integers(len(others)))]
        found = spread_of(other.draw(int(random.choice(THEIR_UNITS)), 0.0, random))
        spreads += [found] if found else []
    return prior_of(spreads)
