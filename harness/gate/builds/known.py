"""Which benchmarks the base's own revision has: what is not among them is new in head."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.bench.settings import select
from harness.claims.folder import BenchmarkFolder, NoBenchmarks, read
from harness.errors import UsageError
from harness.gate.before import BaseRevision, read_before
from harness.gate.builds.checkout import BothSources
from harness.model import Side


def known_to_base(
    sources: BothSources, benchmarks: Path, words: tuple[str, ...] = ()
) -> tuple[BaseRevision | None, tuple[str, ...]]:
    """What base's revision has, of which ``words`` select what was asked for, and notes on it.

    ``benchmarks`` is the folder that is measured. None is given where base has no revision of its own: then it is not
    known what is new.
    """
    tree = sources.trees.get(Side.BASE)
    if tree is None:
        return None, ()
    theirs = tree / (benchmarks.relative_to(sources.top) if benchmarks.is_relative_to(sources.top) else "benchmarks")
    base, where = sources.checkouts[Side.BASE].label, theirs.relative_to(tree).as_posix()

    def choose(reading: BenchmarkFolder) -> BenchmarkFolder:
        if not words:
            return reading
        found = BenchmarkFolder(theirs)
        for word in words:
            with suppress(UsageError):  # base has nothing by that name
                more = select(reading, (word,))
                found = replace(found, claims=found.claims + more.claims, problems=found.problems + more.problems)
        return found

    before = read_before(theirs, benchmarks, choose)
    if before.unreadable:
        told = [str(why).replace(f"{tree}/", "") for why in before.unreadable.values()]
        return before, tuple(
            f"a file of base's benchmarks cannot be read, so that nothing in it counts as new: {why} (in {base})"
            for why in told
        )
    if not before.functions:
        return _moved(before, sources, benchmarks, choose), (
            f"{base} has no benchmarks in {where}: those of head that it cannot run are new",
        )
    return before, ()


def _moved(
    before: BaseRevision, sources: BothSources, benchmarks: Path, choose: Callable[[BenchmarkFolder], BenchmarkFolder]
) -> BaseRevision:
    """What base has where it does not have this folder: the benchmarks elsewhere in it that head no longer has there.

    Those that the folder holds under the same name have moved there, in files that count as changed; the others are
    missing.
    """
    left = _functions(sources.trees[Side.BASE], choose) - _functions(sources.trees[Side.HEAD])
    here = _functions(benchmarks)
    moved = {function: new for function in left for new in here if function.endswith(f"/{new}")}
    changed = frozenset(new.partition("::")[0] for new in moved.values())
    return replace(before, chosen=frozenset(left - moved.keys()), changed=changed)


def _functions(
    folder: Path, choose: Callable[[BenchmarkFolder], BenchmarkFolder] = lambda reading: reading
) -> frozenset[str]:
    try:
        return choose(read(folder)).functions()
    except NoBenchmarks:
        return frozenset()
