"""The user's repository: its revisions, its uncommitted changes, and worktrees that leave no trace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.run.settings import UsageError

_LOCAL = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
)
"""What git tells its hooks; inherited, it would send every command to the one repository that the hook is of."""


class GitFailed(Exception):
    """A git command that did not work; the message is git's."""


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which git finds the repository by the folder."""
    return {name: value for name, value in environment.items() if name not in _LOCAL}


def git(folder: Path, *words: str) -> str:
    """What git says in that folder. Raises GitFailed, and UsageError where there is no git."""
    # No hooks of the user's, no daemon that outlives us, no lock in the way of the user's own git, no questions.
    quiet = ("--no-optional-locks", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
    try:
        process = subprocess.Popen(
            ["git", *quiet, "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**without_git(os.environ), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise UsageError(
            "git is not installed, or not on PATH; revisions cannot be compared without it, but interpreters "
            "(--base-python) and variables (--base-env) can"
        ) from error
    try:
        said, complained = process.communicate()
    except BaseException:
        # A checkout is the work of a child of git's, which would go on while we clean up.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise GitFailed(os.fsdecode(complained).strip() or f"git {words[0]} ended with status {process.returncode}")
    return os.fsdecode(said)


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit: what it was called, its id, and the id of its tree."""

    name: str
    commit: str
    tree: str

    @property
    def short(self) -> str:
        """The beginning of the id, as git shows it."""
        return self.commit[:7]

    @property
    def label(self) -> str:
        """For people: ``origin/main (1a2b3c4)``."""
        return self.short if self.commit.startswith(self.name) else f"{self.name} ({self.short})"


class Repository:
    """A repository with files checked out, ``top`` their first folder."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def of(cls, folder: Path) -> Repository:
        """The one that this folder is in. Raises UsageError."""
        try:
            return cls(Path(git(folder, "rev-parse", "--show-toplevel").rstrip("\n")).resolve())
        except GitFailed as error:
            raise UsageError(
                f"{folder.resolve()} is not in a git repository with files checked out ({error}); run this in the "
                "repository whose revisions are to be compared"
            ) from error

    def revision(self, name: str, flag: str) -> Revision:
        """The commit of that name; ``flag`` is how it was asked for. Raises UsageError with what to do."""
        try:
            commit = git(self.top, "rev-parse", "--verify", f"{name}^{{commit}}").strip()
            tree = git(self.top, "rev-parse", "--verify", f"{commit}^{{tree}}").strip()
        except GitFailed as error:
            raise UsageError(f"{flag} {name}: no such revision in {self.top}{self._remedy(name)}") from error
        return Revision(name, commit, tree)

    def _remedy(self, name: str) -> str:
        with suppress(GitFailed):
            if git(self.top, "rev-parse", "--is-shallow-repository").strip() == "true":
                return (
                    "; this clone is shallow: `git fetch --unshallow` brings all of them (fetch-depth: 0 in a "
                    f"workflow's checkout){self._alone(name)}"
                )
        return "; `git fetch` may bring it, `git branch --all` and `git tag` list what there is"

    def _alone(self, name: str) -> str:
        """How to fetch just that revision; nothing where its name tells no one place to ask."""
        if re.search(r"[~^@:\s]", name) or name.startswith("-"):
            return ""
        remote, _, branch = name.partition("/")
        if branch and remote in git(self.top, "remote").split():
            what = f"{branch}:refs/remotes/{name}"
        else:
            remote, what = "origin", name if re.fullmatch(r"[0-9a-f]{7,64}", name) else f"{name}:{name}"
        return f", `git fetch --depth 1 {remote} {what}` this one"

    def changes(self) -> list[str]:
        """Paths that differ from HEAD or are new and not ignored, relative to the top. Raises GitFailed."""
        said = git(
            self.top, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all",
            "--ignore-submodules=none",
        )  # fmt: skip
        return [entry[3:].rstrip("/") for entry in said.split("\0") if entry]

    def check_out(self, revision: Revision, tree: Path) -> None:
        """Make a worktree of that revision, submodules included. Raises GitFailed."""
        git(self.top, "worktree", "add", "--quiet", "--detach", str(tree), revision.commit)
        if (tree / ".gitmodules").is_file():
            git(tree, "submodule", "--quiet", "update", "--init", "--recursive")

    def overlay(self, changes: Sequence[str], tree: Path) -> None:
        """Bring a worktree of HEAD to what the working tree holds of these paths."""
        # What is gone first, folders before what is in them: a file may have become a folder, or the other way round.
        for path in sorted(changes):
            if _inside(tree / path, tree):
                _remove(tree / path)
        for path in sorted(changes):
            source, target = self.top / path, tree / path
            if not os.path.lexists(source) or not _inside(target, tree):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir() and not source.is_symlink():  # a repository in this one
                shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            else:
                shutil.copy2(source, target, follow_symlinks=False)

    def forget(self, folder: Path) -> None:
        """Remove the worktrees below a folder, and what git remembers of them; never raises for what is not there."""
        for tree in self._worktrees(folder):
            try:
                self._drop(tree)
            except GitFailed:  # git removes nothing that it finds damaged, but forgets what is gone
                shutil.rmtree(tree, ignore_errors=True)
                with suppress(GitFailed):
                    self._drop(tree)

    def _drop(self, tree: Path) -> None:
        # Forced twice: an interrupted checkout leaves its worktree locked. Pruning would forget the user's own, too,
        # where they are on a disk that is not there at the moment.
        git(self.top, "worktree", "remove", "--force", "--force", str(tree))

    def _worktrees(self, folder: Path) -> list[Path]:
        try:
            said = git(self.top, "worktree", "list", "--porcelain")
        except (GitFailed, UsageError):
            return []
        words = [line.removeprefix("worktree ") for line in said.splitlines() if line.startswith("worktree ")]
        return [tree for tree in map(Path, words) if tree.is_relative_to(folder)]


def _inside(path: Path, tree: Path) -> bool:
    """Whether a path leads to a place in the tree; a link on the way may lead anywhere."""
    return path.parent.resolve().is_relative_to(tree.resolve())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
