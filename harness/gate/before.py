"""What base's own revision has: its benchmarks, and the cases and variants of the files that head has changed.

Both sides of a gate measure head's benchmark files. What base cannot measure under them is only new where base's own
revision does not have it; where that cannot be said, it counts as had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.claims.file import PATTERN
from harness.claims.folder import BenchmarkFolder, NoBenchmarks, files, read
from harness.gate.pair import SideCommand
from harness.model import Claim, Status, benchmark_of
from harness.workers.collect import Collection
from harness.workers.pool import WorkerPool
from harness.workers.spare import WorkerSettings


@dataclass(frozen=True, slots=True)
class BaseRevision:
    """The benchmarks of base's own revision.

    ``functions`` are all of them (``path::function``), ``chosen`` those that were asked for. ``unreadable`` names the
    files that cannot be read, with the reason. ``changed`` are the files of which head's text says nothing about base's
    own cases; ``called`` is what those said when base's own revision was asked, None where it was not.
    """

    functions: frozenset[str] = frozenset()
    chosen: frozenset[str] = frozenset()
    unreadable: dict[str, str] = field(default_factory=dict)
    root: Path | None = None
    changed: frozenset[str] = frozenset()
    called: Collection | None = None

    def has(self, case: str, variant: str = "", *, listed: bool) -> bool:
        """Whether base's own revision has this case, or this variant of it, or may have it.

        ``listed`` says that base named it under head's file, though it could not measure it.
        """
        function = benchmark_of(case)
        path = function.partition("::")[0]
        if path in self.changed:
            return function in self.functions and self._may_have(case, variant)
        return path in self.unreadable or (function in self.functions and listed)

    def _may_have(self, case: str, variant: str) -> bool:
        """What base's own revision said when it was asked; whatever it could not say, it may have."""
        function = benchmark_of(case)
        if self.called is None or self.called.collected.why_absent(function.partition("::")[0]) is not None:
            return True
        if case in self.called.cases:
            return not variant or variant in self.called.cases[case]
        said = [other for other in self.called.answered if benchmark_of(other) == function]
        return case in said or not said

    def unable(self, case: str, variant: str = "", *, here: str) -> str:
        """Why base's own revision, with its own file, skips this case or cannot run this variant; empty where it may.

        ``here`` is the same of base under head's file, which is base's own where the text is the same.
        """
        function = benchmark_of(case)
        path = function.partition("::")[0]
        if function not in self.functions:
            return ""
        if path not in self.changed:
            return here
        if self.called is None:
            return ""
        match self.called.collected.why_absent(path):
            case Status.SKIPPED, reason:
                return reason
        return self.called.skipped.get(case) or self.called.unavailable.get(case, {}).get(variant, "")

    def measures(self, case: str) -> tuple[str, ...]:
        """The variants that base's own revision can run of a case, as far as it was asked."""
        if self.called is None:
            return ()
        unavailable = self.called.unavailable.get(case, {})
        return tuple(name for name in self.called.cases.get(case, ()) if name not in unavailable)

    def removed(self, claims: Sequence[Claim]) -> list[str]:
        """The benchmarks asked for that base's own revision has and that are not among these, sorted."""
        return sorted(self.chosen - {f"{claim.path}::{claim.function}" for claim in claims})

    def altered(self, claims: Sequence[Claim], ours: Path) -> list[str]:
        """The files of benchmarks asked for whose text is not base's, sorted: which cases they have may differ.

        A file that only head has is none. One that cannot be read in base may hold anything that was asked for.
        """
        asked = {claim.path for claim in claims} | {function.partition("::")[0] for function in self.chosen}
        root = self.root
        torn = {path for path in self.unreadable if root is None or _text(root / path) != _text(ours / path)}
        return sorted((self.changed & asked) | torn)

    def cases(self, function: str) -> list[str]:
        """The cases of a benchmark that base's own revision can run, as far as it was asked."""
        return [case for case in (self.called.cases if self.called else ()) if benchmark_of(case) == function]


def read_before(theirs: Path, ours: Path, choose: Callable[[BenchmarkFolder], BenchmarkFolder]) -> BaseRevision:
    """What the folder of base's revision has, read without importing; ``ours`` is the folder that is measured.

    ``choose`` selects what was asked for.
    """
    try:
        reading = read(theirs)
    except NoBenchmarks:
        return BaseRevision()
    functions = reading.functions()
    return BaseRevision(
        functions,
        choose(reading).functions(),
        {problem.path: problem.message for problem in reading.problems if not problem.function},
        theirs,
        _changed(theirs, ours, {function.partition("::")[0] for function in functions}),
    )


def ask(
    before: BaseRevision,
    claims: Sequence[Claim],
    command: SideCommand,
    folder: Path,
    *,
    device: str,
    data: Path | None,
    tick: Callable[[], None],
) -> BaseRevision:
    """Call the changed files of these claims as base's own revision has them; nothing is measured.

    Raises WorkerError.
    """
    files = sorted({claim.path for claim in claims} & before.changed)
    if before.root is None or not files:
        return before
    pool = WorkerPool(
        WorkerSettings(
            command.python, before.root, folder, device, data, borrowed=command.lent, variables=command.variables
        ),
        tick=tick,
    )
    with pool:
        return replace(before, called=pool.collect(files))


def _changed(theirs: Path, ours: Path, names: set[str]) -> frozenset[str]:
    """The files whose text differs, and all of them where what they may import from the folder does."""
    others = {
        path.relative_to(top).as_posix()
        for top in (theirs, ours)
        for path in files(top, "*.py")
        if not path.match(PATTERN)
    }
    if any(_text(theirs / name) != _text(ours / name) for name in others):
        return frozenset(names)
    return frozenset(name for name in names if _text(theirs / name) != _text(ours / name))


def _text(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
