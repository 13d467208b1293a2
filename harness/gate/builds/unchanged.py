"""Whether anything that is under test can have changed: known before the builds where only documents did, or
where benchmarks were added."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from harness.claims.file import PATTERN
from harness.claims.pytest_settings import pytest_settings
from harness.gate.builds.repository import GitFailed, git
from harness.gate.builds.side import BothSources, NothingChanged
from harness.model import Package, Side
from harness.plural import counted

_DOCUMENTS = re.compile(
    r".*\.(md|rst)|(LICEN[CS]E|COPYING|AUTHORS|NOTICE)(\..*)?|\.git(ignore|attributes)", re.IGNORECASE
)
_VERSION_FILE = re.compile(r"_*version(_info)?_*\.(py|pyi|txt)")
_SHOWN = 3


def refuse_documents_alone(sources: BothSources, benchmarks: Path) -> None:
    """Raises NothingChanged where the revisions differ in nothing that is under test.

    These are texts outside of the packages under test that no build and no import reads, such as README.md,
    the workflows of the repository's host, and benchmark files that head adds to the folder ``benchmarks``:
    base has nothing to compare them with. One that head changes or drops is left to the builds: it may be
    missing in head. Interpreters and variables that differ are something to compare. What git does not know
    is left to the builds.
    """
    if not sources.checkouts or not sources.same_runtime:
        return
    base, head = sources.checkouts[Side.BASE], sources.checkouts[Side.HEAD]
    try:
        listed = git(
            sources.top,
            "diff",
            "--name-only",
            "--no-renames",
            "-z",
            base.revision.commit,
            head.revision.commit,
        )
    except GitFailed:
        return
    paths = sorted({path for path in listed.split("\0") if path} | {change.path for change in head.changes})
    packages = {name.partition(".")[0] for name in sources.configuration.under_test}
    added = [path for path in paths if _is_added_benchmark(path, sources, benchmarks, packages)]
    if paths and all(path in added or is_document(path, packages) for path in paths):
        shown = ", ".join(paths[:_SHOWN]) + (
            f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        )
        new = (
            f"; {counted(len(added), 'benchmark file')} new in head: base has nothing to compare with"
            if added
            else ""
        )
        raise NothingChanged(f"{base.label} and {head.label} differ in {shown} alone{new}")


def _is_added_benchmark(path: str, sources: BothSources, benchmarks: Path, packages: set[str]) -> bool:
    """Whether head has added a file of benchmarks, and it is not in the packages under test."""
    file = sources.top / path
    return (
        (file.match(PATTERN) or pytest_settings(benchmarks).is_file(file.name))
        and file.is_relative_to(benchmarks)
        and not packages.intersection(PurePosixPath(path).parts)
        and (sources.trees[Side.HEAD] / path).is_file()
        and not os.path.lexists(sources.trees[Side.BASE] / path)
    )


def is_document(path: str, packages: Collection[str]) -> bool:
    """Whether a file is a text that no build and no import reads; what is inside a package may be its
    data."""
    parts = PurePosixPath(path).parts
    if any(part in packages for part in parts):
        return False
    return parts[0] == ".github" or _DOCUMENTS.fullmatch(parts[-1]) is not None


def version_files(base: Package, head: Package, trees: Collection[Path]) -> list[str]:
    """The files in which two copies of a package differ, if all of them state a version and the build wrote
    them.

    Empty where anything else differs. A file that git tracks in either tree was written by a person.
    """
    folders = Path(base.file).parent, Path(head.file).parent
    differing = sorted(_differing(*folders))
    if not differing or not all(_VERSION_FILE.fullmatch(PurePosixPath(name).name) for name in differing):
        return []
    name = base.name.replace(".", "/")
    paths = [f"{name}/{file}" for file in differing]
    for tree in trees:
        try:
            tracked = git(tree, "ls-files", "-z").split("\0")
        except GitFailed:
            return []
        if any(known == path or known.endswith(f"/{path}") for known in tracked for path in paths):
            return []
    return paths


def _differing(one: Path, other: Path) -> Iterator[str]:
    """The files of two folders that are not equal, relative to them; compiled Python left out."""
    names = {
        path.relative_to(folder).as_posix()
        for folder in (one, other)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    for name in names:
        pair = one / name, other / name
        if not all(path.is_file() for path in pair) or not filecmp.cmp(*pair, shallow=False):
            yield name
