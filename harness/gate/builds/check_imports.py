"""What the sides really imported, compared with what they were to import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.gate.base_revision import BaseRevision
from harness.gate.builds.project import Project
from harness.gate.builds.side import BenchmarksRemoved, NothingChanged, NothingToCompare, SideEnv
from harness.gate.builds.unchanged import version_files
from harness.model import Claim, Package


def check_packages_and_benchmarks(
    prepared: tuple[SideEnv, SideEnv],
    packages: tuple[Sequence[Package], Sequence[Package]],
    before: BaseRevision | None,
    claims: Sequence[Claim],
    benchmarks: Path,
) -> tuple[str, ...]:
    """`check_packages` of base and head, whose NothingChanged stands only where the benchmarks are equal,
    too.

    Raises BenchmarksRemoved where head lacks some of base's. Where the text of their files differs, cases or
    variants may be missing, which only a gate that measures sees: then the answer is a note. ``claims`` are
    those of head's folder ``benchmarks``.
    """
    try:
        return check_packages(*prepared, *packages)
    except NothingChanged as error:
        if before is not None and (removed := before.removed(claims)):
            raise BenchmarksRemoved(str(error), removed) from None
        if before is not None and (altered := before.altered(claims, benchmarks)):
            shown = ", ".join(altered[:_SHOWN]) + (
                f" and {len(altered) - _SHOWN} more" if altered[_SHOWN:] else ""
            )
            return (f"{error}; measured all the same, because the benchmarks differ: {shown}",)
        raise


_SHOWN = 3


def check_packages(
    prepared_base: SideEnv, prepared_head: SideEnv, base: Sequence[Package], head: Sequence[Package]
) -> tuple[str, ...]:
    """Notes on packages that one side lacks, once it is sure that each side measures its own code.

    ``base`` and ``head`` are the packages under test as the sides imported them, in the same order. Raises
    UsageError for a package that neither side has, NothingToCompare for one that comes from outside its side,
    NothingChanged where all of them are equal and nothing else differs either. Sides without a revision have
    nothing to check.
    """
    if prepared_base.tree is None or prepared_head.tree is None:
        return ()
    pairs = list(zip(base, head, strict=True))
    for before, after in pairs:
        if not before.file and not after.file:
            raise UsageError(f"neither side can import {before.name}; {_remedy(prepared_head)}")
        for package, prepared in ((before, prepared_base), (after, prepared_head)):
            if package.file and not _within(Path(package.file), prepared.home):
                raise NothingToCompare(
                    f"{prepared.side} imports {package.name} from {package.file}, outside {prepared.home}, and not "
                    f"what was built from {prepared.label}; take that out of the way (PYTHONPATH, sitecustomize)"
                )
    if pairs and prepared_base.same_runtime(prepared_head):
        _refuse_equal(pairs, prepared_base, prepared_head)
    return tuple(
        f"{before.name} is new: base has none" if after.file else f"{before.name} is gone: head has none"
        for before, after in pairs
        if not before.file or not after.file
    )


def _refuse_equal(pairs: Sequence[tuple[Package, Package]], base: SideEnv, head: SideEnv) -> None:
    """Raises NothingChanged where both sides have the same packages, but for files of a build's version."""
    names = ", ".join(before.name for before, _ in pairs)
    trees = [tree for tree in (base.tree, head.tree) if tree is not None]
    written: list[str] = []
    for before, after in pairs:
        if before.digest != after.digest:
            found = version_files(before, after, trees) if before.file and after.file else []
            if not found:
                return
            written += found
    but = f" but for {', '.join(written)}, which the build writes" if written else ""
    raise NothingChanged(f"{names}: identical on both sides, {base.label} and {head.label}{but}")


def _remedy(head: SideEnv) -> str:
    named = "[tool.harness] under-test names what is imported, and"
    if head.project is None or Project(head.project).installable:
        return f"{named} installing the project must bring it"
    return (
        f"{named} it has to be in the project's folder or in src/, or the project must state a [build-system]"
    )


def _within(file: Path, home: Path) -> bool:
    return file.is_relative_to(home) or file.resolve().is_relative_to(home.resolve())
