"""What a run is about: the claims that were selected, and what of the selection cannot be read."""

from __future__ import annotations

from collections.abc import Callable

from harness.bench.settings import Settings
from harness.claims.claim import ClaimError
from harness.claims.folder import BenchmarkFolder, Problem, read
from harness.claims.selection import left_out, select
from harness.model import Claim


def chosen_claims(settings: Settings, note: Callable[[str], None]) -> BenchmarkFolder:
    """What a run is about; ``note`` gets what cannot be read and is not selected.

    Raises UsageError, and ClaimError where nothing that is selected can be read.
    """
    reading = read(settings.benchmarks)
    chosen = select(reading, settings.select)
    if not chosen.claims and chosen.problems:
        raise ClaimError(chosen.complaint())
    for line in left_out(reading, chosen):
        note(line)
    return chosen


def stand_in(problem: Problem) -> Claim:
    """A claim for what cannot be read, so that a run has its failure on record."""
    return Claim(problem.name, "It cannot be read.", problem.path, problem.function)
