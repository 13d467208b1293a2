"""Submodules of a worktree, made from the objects that are here: nothing is fetched, and what is not here is
noted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from harness.gate.builds.repository import GitFailed, Repository, git


def fill(
    repository: Repository, commit: str, tree: Path, index: Path, leave: Collection[str] = ()
) -> tuple[str, ...]:
    """Check out the submodules of a commit in its worktree ``tree``, each at the commit that it records.

    ``index`` is a file that git may use and that is removed, ``leave`` has the paths of those that are not
    wanted. Gives a note for each that is not here: it was never initialised, or never fetched that far, or is
    damaged. Raises GitFailed for the repository itself.
    """
    return tuple(_fill(repository, repository.top, commit, tree, index, leave, PurePath()))


def _fill(
    repository: Repository,
    checkout: Path,
    commit: str,
    tree: Path,
    index: Path,
    leave: Collection[str],
    within: PurePath,
) -> Iterator[str]:
    """``checkout`` is where the user has this repository checked out, ``within`` its path from the top."""
    for path, wanted in repository.contents(commit).submodules.items():
        shown = within / path
        if shown.as_posix() in leave:
            continue
        place = _place(repository, checkout / path, path, commit)
        if place is None:
            yield f"submodule {shown} is empty: it was never initialised here (git submodule update --init {shown})"
            continue
        (tree / path).mkdir(parents=True, exist_ok=True)
        inner = Repository(tree / path, place)
        if not inner.has(wanted):
            yield (
                f"submodule {shown} is empty: its commit {wanted[:7]} is not here (git submodule update --init "
                f"{shown} brings it, if its source still has it)"
            )
            continue
        try:
            inner.fill(wanted, index)
        except GitFailed as error:
            yield f"submodule {shown} is not complete: {error} (git submodule update {shown})"
            continue
        yield from _fill(inner, checkout / path, wanted, tree / path, index, leave, shown)


def _place(repository: Repository, checkout: Path, path: str, commit: str) -> Path | None:
    """The git directory of a submodule: that of the user's checkout, or what git keeps of one that is
    gone."""
    if (checkout / ".git").exists():
        with suppress(GitFailed):
            return Path(git(checkout, "rev-parse", "--absolute-git-dir").rstrip("\n"))
    for name in repository.submodule_names(commit, path):
        if ".." in PurePath(name).parts:
            continue
        for kept in repository.git_directories():
            if (kept / "modules" / name / "HEAD").is_file():
                return kept / "modules" / name
    return None
