"""What was requested of a run, and how the profiles differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.claims.folder import BenchmarkFolder, Problem
from harness.errors import UsageError
from harness.measure.limits import RoundLimits
from harness.model import Claim


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How thorough a run is: budget in seconds where none is given, units at most, solo passes, blocks.

    ``asides`` says that it takes time for more than verdicts: ceilings, and traces of what surprises.
    """

    budget: float
    units: int
    solo: bool
    most_blocks: int
    asides: bool = True


PROFILES = {
    "smoke": Thoroughness(budget=180.0, units=1, solo=False, most_blocks=6, asides=False),
    "standard": Thoroughness(budget=600.0, units=28, solo=True, most_blocks=16),
    "thorough": Thoroughness(budget=3600.0, units=28, solo=True, most_blocks=30),
}

WATCH = 20.0
"""How often a second the machine is looked at while a run goes on."""

OFTENEST = 1000.0
"""Looks a second that make any sense: NVML's own readings change far less often."""

SHORTEST_BUDGET = 20.0
"""Seconds; importing torch and collecting the cases take about that long on a small machine."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A run as it was requested. ``trace`` names the claims to trace, ``("all",)`` all of them."""

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
        raise UsageError(f"--budget: {text!r} is not a duration (examples: 90s, 5m, 1h30m)")
    hours, minutes, rest = (float(part) if part else 0.0 for part in match.groups())
    budget = 3600 * hours + 60 * minutes + rest
    if budget < SHORTEST_BUDGET:
        raise UsageError(
            f"--budget: {text} is too short: importing torch alone takes some of it; give at least {SHORTEST_BUDGET:g}s"
        )
    return budget


def hertz(text: str | None) -> float:
    """How often a second to look at the machine: ``20``, ``5.5``; ``0`` not at all; `WATCH` where nothing was
    typed.

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
            f"--watch: {text!r} is not a rate; looks a second are 0.1 to {OFTENEST:g}, or 0 to watch nothing "
            "(example: 20)"
        )
    return rate


def check_data(folder: Path | None) -> None:
    """Raises UsageError for a folder of images, named with ``--data``, from which none can be taken."""
    if folder is not None:
        from harness.loading.data.folder import DataError, check_folder

        try:
            check_folder(folder)
        except DataError as error:
            raise UsageError(f"--data: {error}") from error


def words(given: Iterable[str]) -> tuple[str, ...]:
    """What was named behind an option that may be repeated and takes several names, with commas between
    them."""
    return tuple(word for part in given for word in part.split(",") if word)


def select(reading: BenchmarkFolder, wanted: Sequence[str], option: str = "--select") -> BenchmarkFolder:
    """What is named: by name, else by how names begin (L: all of L1, L2, ...), else by a part of the path.

    What cannot be read is named in the same ways. Raises UsageError naming what there is.
    """
    if not wanted or tuple(wanted) == ("all",):
        return reading
    known: list[Claim | Problem] = [*reading.claims, *reading.problems]
    chosen: set[Claim | Problem] = set()
    for word in wanted:
        low = word.lower()
        matching = (
            [one for one in known if low == one.name.lower()]
            or [one for one in known if one.name.lower().startswith(low)]
            or [one for one in known if low in f"{one.path}::{one.function}".lower()]
        )
        if not matching:
            there = ", ".join(claim.name for claim in reading.claims) or "none"
            unread = f"; what cannot be read:\n{reading.complaint()}" if reading.problems else ""
            raise UsageError(f"{option} {word}: no such claim; there are {there}{unread}")
        chosen.update(matching)
    return replace(
        reading,
        claims=tuple(claim for claim in reading.claims if claim in chosen),
        problems=tuple(problem for problem in reading.problems if problem in chosen),
    )


def left_out(reading: BenchmarkFolder, chosen: BenchmarkFolder) -> list[str]:
    """Notes on what cannot be read and is not needed."""
    return [
        f"not read, and not selected: {one.message}" for one in reading.problems if one not in chosen.problems
    ]


def effort(profile: Thoroughness, budget: float, cases: int, *, loader: bool) -> RoundLimits:
    """The effort of one case in one invocation, so that all of them are through many looks within the budget.

    About 30 % of the budget goes to the blocks of ten invocations of the cases without a loader; loaders
    always get the fewest blocks, because an epoch is long.
    """
    if loader:
        return RoundLimits(share=0.0)
    share = 0.3 * budget / (10 * max(1, cases))
    return RoundLimits(share=share, most_blocks=profile.most_blocks)
