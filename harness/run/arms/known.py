"""Which benchmarks the base's own revision has: what is not among them is new in head."""

from __future__ import annotations

from pathlib import Path

from harness.benchmarks import Reading
from harness.model import Arm
from harness.run.arms.checkout import Sources
from harness.run.before import Before, read_before
from harness.run.settings import UsageError, select


def known_to_base(
    sources: Sources, benchmarks: Path, words: tuple[str, ...] = ()
) -> tuple[Before | None, tuple[str, ...]]:
    """What base's revision has, of which ``words`` select what was asked for, and notes on it.

    ``benchmarks`` is the folder that is measured. None is given where base has no revision of its own: then it is not
    known what is new.
    """
    tree = sources.trees.get(Arm.BASE)
    if tree is None:
        return None, ()
    theirs = tree / (benchmarks.relative_to(sources.top) if benchmarks.is_relative_to(sources.top) else "benchmarks")
    base, where = sources.checkouts[Arm.BASE].label, theirs.relative_to(tree).as_posix()

    def choose(reading: Reading) -> Reading:
        try:
            return select(reading, words)
        except UsageError:  # base has nothing by that name
            return Reading(theirs)

    before = read_before(theirs, benchmarks, choose)
    if before.unreadable:
        told = [str(why).replace(f"{tree}/", "") for why in before.unreadable.values()]
        return before, tuple(
            f"a file of base's benchmarks cannot be read, so that nothing in it counts as new: {why} (in {base})"
            for why in told
        )
    if not before.functions:
        return before, (f"{base} has no benchmarks in {where}: those of head that it cannot run are new",)
    return before, ()
