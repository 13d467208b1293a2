"""What was requested of a run, what it reports, and how the profiles differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.bench.share import Share
from harness.measure.limits import LOADER_SHARE, RoundLimits
from harness.model import Activity, RunState, Traced, Verdict


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How thorough a run is: budget in seconds where none is given, units at most, solo passes, blocks, and
    seconds to warm a variant up.

    ``asides`` says that it takes time for more than verdicts: ceilings, and traces of what surprises.
    """

    budget: float
    units: int
    solo: bool
    most_blocks: int
    fewest_blocks: int = 6
    warmup_limit: float = 1.0
    asides: bool = True


PROFILES = {
    "smoke": Thoroughness(
        budget=180.0, units=1, solo=False, most_blocks=1, fewest_blocks=1, warmup_limit=0.05, asides=False
    ),
    "standard": Thoroughness(budget=600.0, units=28, solo=True, most_blocks=16),
    "thorough": Thoroughness(budget=3600.0, units=28, solo=True, most_blocks=30),
}

WATCH = 20.0
"""How often a second the machine is looked at while a run goes on."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A run as it was requested. ``trace`` names the claims to trace, ``("all",)`` all of them.

    ``folder`` is the name of the run's folder in ``results``, empty for the time at which it starts;
    ``share`` is what this node measures of the cases, None for all of them; ``again`` is the
    budget of a part that resumes the run: rounds are as long as ``budget`` makes them.
    """

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
    folder: str = ""
    share: Share | None = None
    again: float | None = None

    @property
    def seconds(self) -> float:
        """The time budget in seconds."""
        return PROFILES[self.profile].budget if self.budget is None else self.budget

    @property
    def part_seconds(self) -> float:
        """The time budget of what is to be measured now: the run, or a part that resumes it."""
        return self.seconds if self.again is None else self.again


class BenchDisplay(Protocol):
    """What a run reports while it goes on."""

    def collecting(self) -> None: ...  # noqa: D102
    def collected(self, environment: Mapping[str, object], cases: int, skipped: int) -> None: ...  # noqa: D102
    def prepares(self) -> None: ...  # noqa: D102
    def begins(self, case: str, activity: Activity) -> None: ...  # noqa: D102
    def decided(self, verdicts: list[Verdict]) -> None: ...  # noqa: D102
    def traced(self, traced: Traced) -> None: ...  # noqa: D102
    def note(self, text: str) -> None: ...  # noqa: D102
    def tick(self, state: RunState) -> None: ...  # noqa: D102


def effort(profile: Thoroughness, budget: float, cases: int, *, loader: bool) -> RoundLimits:
    """The effort of one case in one invocation, so that all of them are through many looks within the budget.

    About 30 % of the budget goes to the blocks of ten invocations of the cases without a loader; loaders get
    the fewest blocks where an iteration is an epoch, which is long.
    """
    return RoundLimits(
        share=LOADER_SHARE if loader else 0.3 * budget / (10 * max(1, cases)),
        fewest_blocks=profile.fewest_blocks,
        most_blocks=profile.most_blocks,
        warmup_limit=profile.warmup_limit,
    )
