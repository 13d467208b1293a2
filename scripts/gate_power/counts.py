"""How often something happened, with the exact bounds that so many trials allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from scipy.stats import binomtest


@dataclass(frozen=True, slots=True)
class Count:
    """So many of so many."""

    hits: int
    of: int

    @classmethod
    def where(cls, found: Iterable[bool]) -> Count:
        """Count what is true."""
        seen = [bool(one) for one in found]
        return cls(sum(seen), len(seen))

    def __add__(self, other: Count) -> Count:
        return Count(self.hits + other.hits, self.of + other.of)

    @property
    def share(self) -> float:
        """The share of the hits; nan of nothing."""
        return self.hits / self.of if self.of else float("nan")

    @property
    def bounds(self) -> tuple[float, float]:
        """The exact 95 % interval of the share (Clopper-Pearson); anything is possible of nothing."""
        if not self.of:
            return 0.0, 1.0
        interval = binomtest(self.hits, self.of).proportion_ci(0.95, method="exact")
        return float(interval.low), float(interval.high)

    def short(self) -> str:
        """The share alone: ``12.5 %``."""
        return f"{_percent(self.share)} %" if self.of else "-"

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = self.bounds
        return f"{self.hits}/{self.of} = {_percent(self.share)} % ({_percent(low)} to {_percent(high)})"


def stream(seed: int, *words: str) -> np.random.Generator:
    """Random numbers of a row's own: a row added or left out changes no other."""
    return np.random.default_rng([seed, *(crc32(word.encode()) for word in words)])


def _percent(share: float) -> str:
    """Two digits where a tenth of a percent would hide the figure, or round it to all or nothing."""
    return f"{100 * share:.2f}" if 0 < share < 0.01 or 0.99 < share < 1 else f"{100 * share:.1f}"
