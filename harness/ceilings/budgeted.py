"""The ceilings that a run gets: what is kept, else measured now if that takes a small share of its budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.ceilings.cache import CeilingsRequest, MeasuredCeilings, kept
from harness.ceilings.client import CeilingsError, CeilingsOutOfTime, measured
from harness.program import advised

SHARE = 0.15
"""The share of a run's budget that may go to ceilings."""


def affordable(
    request: CeilingsRequest,
    environment: Mapping[str, object],
    seconds: float,
    log: Path,
    *,
    tick: Callable[[], object] = lambda: None,
    note: Callable[[str], object] = lambda _: None,
) -> MeasuredCeilings | None:
    """What is kept, else measured now if it takes no more than its share of a run's ``seconds``.

    ``note`` is called with what happens. On a busy machine they may take longer than expected: they are given
    up when that share is over. None if there are no ceilings: a run does not need them.
    """
    known = kept(request, environment)
    if known is not None:
        return known
    cost, limit = request.cost(environment), SHARE * seconds
    if cost > limit:
        note(
            f"this machine's ceilings are not known, and {cost:g} s are too much for this run: "
            f"measure them once with {advised('ceilings')}"
        )
        return None
    note(f"measuring this machine's ceilings, once for this environment: up to {cost:g} s")
    try:
        found = measured(request, log, tick, limit=limit)
    except CeilingsOutOfTime:
        note(
            f"no ceilings: measuring them took more than their {100 * SHARE:.0f} % of the run's time, which was too "
            f"long; measure them once with {advised('ceilings')}"
        )
        return None
    except CeilingsError as error:
        note(f"no ceilings: {error}")
        return None
    for warning in found.warnings:
        note(warning)
    return found if found.ceilings else None
