"""Which benchmarks the base's own revision has: what is not among them is new in head."""

from __future__ import annotations

from pathlib import Path

from harness.claims import ClaimError, NoBenchmarks, read
from harness.model import Arm
from harness.run.arms.checkout import Sources
from harness.run.settings import UsageError, select


def known_to_base(
    sources: Sources, benchmarks: Path, words: tuple[str, ...] = ()
) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    """The benchmarks (``path::function``) of base's revision that ``words`` select, and notes on them.

    ``benchmarks`` is the folder that is measured. None is given where base has no revision of its own, and where its
    files cannot be read as benchmarks: then it is not known what is new.
    """
    tree = sources.trees.get(Arm.BASE)
    if tree is None:
        return None, ()
    theirs = tree / (benchmarks.relative_to(sources.top) if benchmarks.is_relative_to(sources.top) else "benchmarks")
    base, where = sources.checkouts[Arm.BASE].label, theirs.relative_to(tree).as_posix()
    try:
        known = read(theirs)
    except NoBenchmarks:
        known = []
    except ClaimError as error:
        told = str(error).replace(f"{tree}/", "")
        return None, (f"base's benchmarks cannot be read, so that none counts as new: {told} (in {base})",)
    if not known:
        return frozenset(), (f"{base} has no benchmarks in {where}: all of head's are new",)
    try:
        chosen = select(known, words)
    except UsageError:
        chosen = []
    return frozenset(f"{claim.path}::{claim.function}" for claim in chosen), ()
