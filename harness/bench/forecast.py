"""How long a run is likely to go on: what is open, by its outlook, then the passes that fit."""

from __future__ import annotations

import math
from statistics import mean

from harness.bench.plan import CaseProgress
from harness.bench.schedule import Schedule

NEAR = 3.0
"""Margins from which on an effect is clear: the first look will decide it, as far as is known."""

SURPLUS = {True: {False: 0.1, True: 0.1}, False: {False: 4.0, True: 12.0}}
"""Units that a case is expected to need beyond its first look, until the run has shown more: by whether all
its effects are clear, and whether it has a loader. Resampled from recorded units, effects within the margin
included.
"""

TRUSTED = 5
"""Units from which on a case's own outlook counts for more than what cases like it need."""

WEIGHT = 4
"""Cases that this expectation counts for beside those of the run."""


def expected_seconds(schedule: Schedule, left: float) -> float:
    """Seconds until the schedule has nothing more to do, at most ``left``.

    Open cases go on for as long as their outlook says. Those before their first look, of which no more is
    known than that, will need as many beyond it as the other cases of the run.
    """
    starts = {False: 0, True: 0}
    seconds = 0.0
    surplus = {
        (clear, loader): _surplus(schedule, clear=clear, loader=loader)
        for clear in SURPLUS
        for loader in SURPLUS[clear]
    }
    for progress in schedule.open():
        loader = progress.claim.loader
        units, variants = _to_come(schedule, progress, surplus[_clear(progress), loader])
        seconds += units * schedule.prices.unit(progress, variants)
        starts[loader] = max(starts[loader], round(units))
    seconds += schedule.starts(starts)
    return max(0.0, min(left, seconds + schedule.passes_seconds()))


def _to_come(schedule: Schedule, progress: CaseProgress, surplus: float) -> tuple[float, int]:
    """How many units the case is likely to have yet, and of how many variants each."""
    first = schedule.thresholds.looks[0]
    most = schedule.most_units
    if progress.exact:
        return max(0, min(first, most) - progress.units), len(progress.variants)
    if progress.units < first:
        beyond = min(most, first + surplus) - progress.units
        names = len(progress.undecided()) + 1 if progress.units else len(progress.variants)
        return max(0.0, beyond), names
    reach, open_ = progress.within_reach(most), progress.undecided()
    outlook = max(reach.values()) if len(reach) == len(open_) else most - progress.units
    # The spread of few units promises little: the outlook counts for more with each.
    trusted = progress.units / (progress.units + TRUSTED)
    usual = min(most, max(progress.units + 1, first + surplus)) - progress.units
    return trusted * outlook + (1 - trusted) * usual, 1 + len(open_)


def _surplus(schedule: Schedule, *, clear: bool, loader: bool) -> float:
    """Units beyond the first look until all is decided: the mean of cases like that, as far as they are
    known."""
    first = schedule.thresholds.looks[0]
    known = [
        progress.units
        + (_to_come(schedule, progress, SURPLUS[clear][loader])[0] if schedule.is_open(progress) else 0.0)
        - first
        for progress in schedule.cases.values()
        if progress.units >= first
        and not progress.exact
        and not progress.stopped
        and (_clear(progress), progress.claim.loader) == (clear, loader)
    ]
    return mean([*known, *[SURPLUS[clear][loader]] * WEIGHT])


def _clear(progress: CaseProgress) -> bool:
    """Whether every effect so far lies well beyond the margin; one that is not known yet counts as clear."""
    edge = NEAR * math.log1p(progress.claim.margin)
    ratios = [verdict.comparison.ratio for verdict in progress.verdicts if verdict.comparison is not None]
    return all(not 0 < ratio < math.inf or abs(math.log(ratio)) > edge for ratio in ratios)
