"""The order in which cases are measured: claims of the card first, then by the seconds to the next
verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from harness.bench.plan import CaseProgress, rivals
from harness.bench.prices import Prices

CARD = ("L1", "L2", "L3", "L4", "L5", "C1", "C2", "C4", "C5", "M1")
"""The claims that people come for, by their names: the tips that are passed on."""

LARGE = 0.1
"""The share of what is left beyond which a case of the card has no precedence: it would keep many others from
theirs."""


class Rank(IntEnum):
    """What comes before what."""

    FIRST_OF_CARD = 0
    """The cheapest case of a claim of the card of which no case is decided yet."""
    CARD = 1
    OTHER = 2
    BEYOND = 3
    """No look of this run is likely to decide it."""
    TIMES = 4
    """It is decided; its times deserve as many units as a first look takes."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a case promises: so many units, which take so many seconds, decide so many variants.

    ``variants`` are those to measure beside the baseline, None for all.
    """

    progress: CaseProgress
    units: int
    seconds: float
    verdicts: int
    variants: tuple[str, ...] | None

    @property
    def each(self) -> float:
        """Seconds for each of its verdicts; for none, those to its next look."""
        return self.seconds / max(1, self.verdicts)


def prospect(progress: CaseProgress, prices: Prices, looks: Sequence[int], most: int) -> Prospect:
    """What the case promises next, by its outlook so far; ``most`` units is all that it may have.

    Of the ways to see its variants decided, soonest first, the one with the fewest seconds for each verdict.
    """
    whole = len(progress.variants)
    to_look = min([look - progress.units for look in (*looks, most) if look > progress.units], default=1)
    if not progress.units:
        units = 1 if progress.exact else min(to_look, most)
        return Prospect(
            progress, units, units * prices.unit(progress, whole), rivals(progress.variants), None
        )
    reach = progress.within_reach(most)
    if progress.exact or not reach:
        names = None if progress.exact else progress.undecided()
        variants = whole if names is None else 1 + len(names)
        return Prospect(progress, to_look, to_look * prices.unit(progress, variants), 0, names)
    price = prices.unit(progress, 1 + len(reach))
    ways = [
        Prospect(progress, units, units * price, sum(more <= units for more in reach.values()), tuple(reach))
        for units in sorted({max(1, more) for more in reach.values()})
    ]
    return min(ways, key=lambda way: (way.each, way.units))


def ordered(prospects: Iterable[Prospect], cases: Iterable[CaseProgress], left: float) -> list[Prospect]:
    """By rank, then by the seconds for each verdict; ``left`` seconds say what is expensive."""
    shown = {
        progress.claim.name
        for progress in cases
        if progress.units and any(verdict.decided for verdict in progress.verdicts)
    }
    by_price = sorted(prospects, key=lambda one: one.each)
    first: dict[str, Prospect] = {}
    for one in by_price:
        name = one.progress.claim.name
        if name in CARD and name not in shown and one.verdicts:
            first.setdefault(name, one)

    def rank(one: Prospect) -> Rank:
        name = one.progress.claim.name
        if not one.verdicts:
            return Rank.TIMES if one.progress.exact else Rank.BEYOND
        if first.get(name) is one:
            return Rank.FIRST_OF_CARD
        return Rank.CARD if name in CARD and one.seconds <= LARGE * left else Rank.OTHER

    return sorted(by_price, key=rank)
