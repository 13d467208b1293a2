"""Blocks in which the GPU was throttled: which they are, and how many of them may be left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model import ClockEvent, Measurement, clock_events

SLOWED = (
    ClockEvent.HARDWARE_SLOWDOWN
    | ClockEvent.SOFTWARE_THERMAL
    | ClockEvent.HARDWARE_THERMAL
    | ClockEvent.POWER_BRAKE
)
"""Reasons that make a block worthless: heat, a power supply at its end, and how the hardware answers both."""

CAPPED = ClockEvent.SOFTWARE_POWER_CAP
"""The board at its own power limit. It works like that under full load, so such blocks are noted, and count.
"""

MOST_LEFT_OUT = 0.25
"""The share of an invocation's blocks that may be left out because they were slowed. Where it is more, the
slow blocks are how this machine runs: what is left would be a choice of moments. All count then, and a
warning says so."""


@dataclass(frozen=True, slots=True)
class ThrottledBlocks:
    """An invocation's blocks: their number, which to leave out, and how many were slowed and capped."""

    blocks: int = 0
    left_out: frozenset[int] = frozenset()
    slowed: int = 0
    capped: int = 0
    reasons: int = 0

    @property
    def kept(self) -> int:
        """Slowed blocks that count because there are too many of them."""
        return self.slowed - len(self.left_out)


def throttled_blocks(measurement: Measurement) -> ThrottledBlocks:
    """What a measurement's clock events amount to; none where no readings were taken."""
    events = measurement.clock_events
    slowed = frozenset(index for index, mask in enumerate(events) if mask & SLOWED)
    few = len(slowed) <= MOST_LEFT_OUT * len(events)
    reasons = 0
    for mask in events:
        reasons |= mask & SLOWED
    capped = sum(1 for mask in events if mask & CAPPED)
    return ThrottledBlocks(len(events), slowed if few else frozenset(), len(slowed), capped, reasons)


def remarks(found: Iterable[ThrottledBlocks]) -> tuple[str, ...]:
    """Warnings about the blocks of these invocations, in words."""
    invocations = list(found)
    total = sum(each.blocks for each in invocations)
    if not total:
        return ()
    reasons = 0
    for each in invocations:
        reasons |= each.reasons
    why = ", ".join(clock_events(reasons))
    out = sum(len(each.left_out) for each in invocations)
    kept = sum(each.kept for each in invocations)
    capped = sum(each.capped for each in invocations)
    warnings = []
    if out:
        warnings.append(f"left out: {out} of {total} blocks in which the GPU was throttled ({why})")
    if kept:
        share = f"{100 * throttled_share(invocations):.0f} %"
        warnings.append(
            f"the GPU was throttled in {share} of the blocks ({why}): too many to leave out, so they count"
        )
    if capped:
        warnings.append(
            f"the GPU was at its power limit in {100 * capped / total:.0f} % of the blocks; they count"
        )
    return tuple(warnings)


def throttled_share(found: Iterable[ThrottledBlocks]) -> float:
    """The share of all blocks that were slowed, from 0 to 1, including those left out."""
    invocations = list(found)
    total = sum(each.blocks for each in invocations)
    return sum(each.slowed for each in invocations) / total if total else 0.0
