"""What base's own revision has: its benchmarks, and the cases and variants of the files that head has
changed.

Both sides of a gate measure head's benchmark files. What base cannot measure under them is only new if base's
own revision does not have it; if that is not known, it counts as had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.claims.file import PATTERN
from harness.claims.folder import BenchmarkFolder, NoBenchmarks, files, read
from harness.claims.pytest_settings import pytest_settings
from harness.claims.selection import select
from harness.errors import UsageError
from harness.gate.builds.side import BothSources
from harness.gate.case_state import CaseState, CaseStatus, InBase
from harness.gate.pair import SideCommand
from harness.model import Claim, GateNote, NoteCode, Side, Status, benchmark_of
from harness.workers.collect import Collection
from harness.workers.pool import WorkerPool
from harness.workers.spare import WorkerSettings, file_limits

Choose = Callable[[BenchmarkFolder], BenchmarkFolder]


@dataclass(frozen=True, slots=True)
class BaseRevision:
    """The benchmarks of base's own revision.

    ``functions`` are all of them (``path::function``), ``chosen`` those that were selected. ``unreadable``
    names the files that cannot be read, with the reason. ``changed`` are the files whose cases in base do not
    follow from head's text; ``collection`` is what base's own revision collects from those, None if it was
    not collected.
    """

    functions: frozenset[str] = frozenset()
    chosen: frozenset[str] = frozenset()
    unreadable: dict[str, str] = field(default_factory=dict)
    root: Path | None = None
    changed: frozenset[str] = frozenset()
    collection: Collection | None = None

    def of_case(self, case: str, base: CaseState) -> InBase:
        """What is known of this case, which is in the state ``base`` under head's file."""
        skip = base.reason if base.status is CaseStatus.SKIPPED else ""
        return InBase(
            self._has(case, "", listed=base.status is not CaseStatus.MISSING),
            self.measures(case) != (),
            self._unable(case, "", here=skip),
        )

    def of_variant(self, case: str, variant: str, base: CaseState) -> InBase:
        """What is known of this variant of a case that is in the state ``base`` under head's file."""
        return InBase(
            self._has(case, variant, listed=variant in base.absent),
            variant in self.measures(case),
            self._unable(case, variant, here=base.absent.get(variant, "")),
        )

    def _has(self, case: str, variant: str, *, listed: bool) -> bool:
        """Whether it has, or may have, a case or a variant; ``listed``: base named it under head's file."""
        function = benchmark_of(case)
        path = _path(function)
        if path in self.changed:
            return function in self.functions and self._may_have(case, variant)
        return path in self.unreadable or (function in self.functions and listed)

    def _may_have(self, case: str, variant: str) -> bool:
        """By its own collection; what that leaves open, it may have."""
        function = benchmark_of(case)
        if self.collection is None or self.collection.collected.why_absent(function) is not None:
            return True
        if case in self.collection.cases:
            return not variant or variant in self.collection.cases[case]
        known = [other for other in self.collection.answered if benchmark_of(other) == function]
        return case in known or not known

    def _unable(self, case: str, variant: str, *, here: str) -> str:
        """Why its own file skips this case or cannot run this variant; empty if it may.

        ``here`` is the same of base under head's file, which is base's own where the text is the same.
        """
        function = benchmark_of(case)
        if function not in self.functions:
            return ""
        if _path(function) not in self.changed:
            return here
        if self.collection is None:
            return ""
        match self.collection.collected.why_absent(function):
            case Status.SKIPPED, reason:
                return reason
        return self.collection.skipped.get(case) or self.collection.unavailable.get(case, {}).get(variant, "")

    def measures(self, case: str) -> tuple[str, ...]:
        """The variants that base's own revision can run of a case, as far as it was collected."""
        if self.collection is None:
            return ()
        unavailable = self.collection.unavailable.get(case, {})
        return tuple(name for name in self.collection.cases.get(case, ()) if name not in unavailable)

    def removed(self, claims: Sequence[Claim]) -> list[str]:
        """The selected benchmarks that base's own revision has and that are not among these, sorted."""
        return sorted(self.chosen - {f"{claim.path}::{claim.function}" for claim in claims})

    def altered(self, claims: Sequence[Claim], ours: Path) -> list[str]:
        """The files of selected benchmarks whose text is not base's, sorted: which cases they have may
        differ.

        A file that only head has is not among them. One that cannot be read in base may have any benchmark.
        """
        selected = {claim.path for claim in claims} | set(map(_path, self.chosen))
        root = self.root
        torn = {path for path in self.unreadable if root is None or _text(root / path) != _text(ours / path)}
        return sorted((self.changed & selected) | torn)

    def cases(self, function: str) -> list[str]:
        """The cases of a benchmark that base's own revision can run, as far as it was collected."""
        return [
            case
            for case in (self.collection.cases if self.collection else ())
            if benchmark_of(case) == function
        ]


def read_base(
    sources: BothSources, benchmarks: Path, words: tuple[str, ...] = ()
) -> tuple[BaseRevision | None, tuple[GateNote, ...]]:
    """What base's revision has, read without importing, of which ``words`` select; and notes on it.

    ``benchmarks`` is the folder that is measured. None if base has no revision of its own: then it is not
    known what is new.
    """
    tree = sources.trees.get(Side.BASE)
    if tree is None:
        return None, ()
    theirs = tree / (
        benchmarks.relative_to(sources.top) if benchmarks.is_relative_to(sources.top) else "benchmarks"
    )
    base, where = sources.checkouts[Side.BASE].label, theirs.relative_to(tree).as_posix()

    def choose(reading: BenchmarkFolder) -> BenchmarkFolder:
        if not words:
            return reading
        found = BenchmarkFolder(theirs)
        for word in words:
            with suppress(UsageError):  # base has nothing by that name
                more = select(reading, (word,))
                found = replace(
                    found, claims=found.claims + more.claims, problems=found.problems + more.problems
                )
        return found

    before = compare_folders(theirs, benchmarks, choose)
    if before.unreadable:
        return before, tuple(
            GateNote(NoteCode.BASE_FILE_UNREADABLE, base, reason.replace(f"{tree}/", ""))
            for reason in before.unreadable.values()
        )
    if not before.functions:
        note = GateNote(NoteCode.BASE_WITHOUT_BENCHMARKS, base, where)
        return _moved(before, sources, benchmarks, choose), (note,)
    return before, ()


def compare_folders(theirs: Path, ours: Path, choose: Choose = lambda reading: reading) -> BaseRevision:
    """What the folder of base's revision has, beside the folder ``ours`` that is measured; ``choose``
    selects."""
    try:
        reading = read(theirs)
    except NoBenchmarks:
        return BaseRevision()
    functions = reading.functions()
    return BaseRevision(
        functions,
        choose(reading).functions(),
        {problem.path: str(problem.message) for problem in reading.problems if not problem.function},
        theirs,
        _changed(theirs, ours, set(map(_path, functions))),
    )


def collect_cases(
    before: BaseRevision,
    claims: Sequence[Claim],
    command: SideCommand,
    folder: Path,
    *,
    device: str,
    data: Path | None,
    tick: Callable[[], None],
) -> BaseRevision:
    """Collect the cases of these claims' changed files from base's own revision; nothing is measured.

    Raises WorkerError.
    """
    files = sorted({claim.path for claim in claims} & before.changed)
    if before.root is None or not files:
        return before
    pool = WorkerPool(
        WorkerSettings(
            command.python,
            before.root,
            folder,
            device,
            data,
            borrowed=command.borrowed,
            variables=command.variables,
            time_limits=file_limits(claims),
        ),
        tick=tick,
    )
    with pool:
        return replace(before, collection=pool.collect(files))


def _moved(before: BaseRevision, sources: BothSources, benchmarks: Path, choose: Choose) -> BaseRevision:
    """What base has where it does not have this folder: the benchmarks elsewhere in it that head no longer
    has there.

    Those that the folder has under the same name have moved there, in files that count as changed; the others
    are missing.
    """
    left = _functions(sources.trees[Side.BASE], choose) - _functions(sources.trees[Side.HEAD])
    here = _functions(benchmarks)
    moved = {function: new for function in left for new in here if function.endswith(f"/{new}")}
    return replace(
        before, chosen=frozenset(left - moved.keys()), changed=frozenset(map(_path, moved.values()))
    )


def _functions(folder: Path, choose: Choose = lambda reading: reading) -> frozenset[str]:
    try:
        return choose(read(folder)).functions()
    except NoBenchmarks:
        return frozenset()


def _changed(theirs: Path, ours: Path, names: set[str]) -> frozenset[str]:
    """The files whose text differs; all of them if a module beside them that they may import differs."""
    # Nothing imports tests.
    tests = pytest_settings(ours)
    others = {
        path.relative_to(top).as_posix()
        for top in (theirs, ours)
        for path in files(top, "*.py")
        if not (path.match(PATTERN) or tests.is_file(path.name))
    }
    if any(_text(theirs / name) != _text(ours / name) for name in others):
        return frozenset(names)
    return frozenset(name for name in names if _text(theirs / name) != _text(ours / name))


def _path(function: str) -> str:
    """The file of a benchmark (``path::function``)."""
    return function.partition("::")[0]


def _text(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
