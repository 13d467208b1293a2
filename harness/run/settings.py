"""What a run was asked for, and how the profiles differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.contest.effort import Effort
from harness.model import Claim


class UsageError(Exception):
    """The command line asks for what cannot be done; the message says what to type instead."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How thorough a run is: budget in seconds where none is given, units at most, solo passes, blocks.

    ``asides`` says that it takes time for what stands beside verdicts: ceilings, and traces of what surprises.
    """

    budget: float
    units: int
    solo: bool
    most_blocks: int
    asides: bool = True


PROFILES = {
    "smoke": Profile(budget=180.0, units=1, solo=False, most_blocks=6, asides=False),
    "standard": Profile(budget=600.0, units=28, solo=True, most_blocks=16),
    "thorough": Profile(budget=3600.0, units=28, solo=True, most_blocks=30),
}

WATCH = 20.0
"""How often a second the machine is looked at while a run goes on."""

OFTENEST = 1000.0
"""Looks a second that make any sense: NVML's own readings change far less often."""

SHORTEST_BUDGET = 20.0
"""Seconds; importing torch and calling the roll take about that long on a small machine."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A run as it was asked for. ``trace`` names the claims to trace, ``("all",)`` all of them."""

    benchmarks: Path
    results: Path
    select: tuple[str, ...] = ()
    device: str = "auto"
    data: Path | None = None
    python: str | None = None
    profile: str = "standard"
    budget: float | None = None
    watch: float = WATCH
    snapshots: bool = False
    trace: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The time budget in seconds."""
        return PROFILES[self.profile].budget if self.budget is None else self.budget


def seconds(text: str) -> float:
    """A time budget as people write it: ``90``, ``90s``, ``5m``, ``1h30m``. Raises UsageError."""
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not text.strip() or match is None:
        raise UsageError(f"--budget {text!r} is no time; write 90s, 5m or 1h30m")
    hours, minutes, rest = (float(part) if part else 0.0 for part in match.groups())
    budget = 3600 * hours + 60 * minutes + rest
    if budget < SHORTEST_BUDGET:
        raise UsageError(
            f"--budget {text} is too short: importing torch alone takes some of it; give at least {SHORTEST_BUDGET:g}s"
        )
    return budget


def hertz(text: str | None) -> float:
    """How often a second to look at the machine: ``20``, ``5.5``; ``0`` not at all; `WATCH` where nothing was typed.

    Raises UsageError.
    """
    if text is None:
        return WATCH
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not (rate == 0 or 0.1 <= rate <= OFTENEST):
        raise UsageError(
            f"--watch {text!r} is no rate; give looks a second from 0.1 to {OFTENEST:g}, 20 say, or 0 to watch nothing"
        )
    return rate


def select(claims: list[Claim], wanted: tuple[str, ...], option: str = "--select") -> list[Claim]:
    """The claims named: by name, else by how names begin (L: all of L1, L2, ...), else by a part of the path.

    Raises UsageError naming what there is.
    """
    if not wanted or wanted == ("all",):
        return claims
    chosen: dict[str, Claim] = {}
    for word in wanted:
        low = word.lower()
        matching = (
            [c for c in claims if low == c.name.lower()]
            or [c for c in claims if c.name.lower().startswith(low)]
            or [c for c in claims if low in f"{c.path}::{c.function}".lower()]
        )
        if not matching:
            raise UsageError(f"{option} {word}: no such claim; there are {', '.join(claim.name for claim in claims)}")
        chosen.update((claim.name, claim) for claim in matching)
    return [claim for claim in claims if claim.name in chosen]


def effort(profile: Profile, budget: float, cases: int, *, loader: bool) -> Effort:
    """The effort of one case in one invocation, so that all of them are through many looks within the budget.

    About 30 % of the budget goes to the blocks of ten invocations of the cases without a loader; loaders always get
    the fewest blocks, because an epoch is long.
    """
    if loader:
        return Effort(share=0.0)
    share = 0.3 * budget / (10 * max(1, cases))
    return Effort(share=share, most_blocks=profile.most_blocks)
