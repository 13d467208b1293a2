"""The user's repository: its revisions, its uncommitted changes, and worktrees that leave no trace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UsageError

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
"""Variables that git sets for hooks; inherited, they would send every command to the hook's own repository.
"""


_VARIABLES = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
"""No translations, and no questions."""


class GitFailed(HarnessError):
    """A git command that did not work; the message is git's."""


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which git finds the repository by the folder."""
    return {name: value for name, value in environment.items() if name not in _LOCAL}


def git(folder: Path, *words: str, index: Path | None = None) -> str:
    """What git prints in that folder. With a file as its index it fetches nothing that a partial clone lacks.

    Raises GitFailed; UsageError where there is no git.
    """
    # No hooks of the user's, no daemon that outlives us, no lock in the way of the user's own git, no
    # questions.
    quiet = ("--no-optional-locks", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
    try:
        process = subprocess.Popen(
            ["git", *quiet, "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **without_git(os.environ),
                **_VARIABLES,
                **({"GIT_INDEX_FILE": str(index), "GIT_NO_LAZY_FETCH": "1"} if index else {}),
            },
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise UsageError(
            "git is not installed, or not on PATH; revisions cannot be compared without it, but interpreters "
            "(--base-python) and variables (--base-env) can"
        ) from error
    try:
        output, errors = process.communicate()
    except BaseException:
        # A checkout is the work of a child of git's, which would go on while we clean up.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise GitFailed(
            os.fsdecode(errors).strip() or f"git {words[0]} ended with status {process.returncode}"
        )
    return os.fsdecode(output)


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


@dataclass(frozen=True, slots=True)
class PathChange:
    """A path, relative to the top, at which the working tree differs from HEAD; untracked is what git has
    nothing of.

    A repository within the repository is one path.
    """

    path: str
    untracked: bool


@dataclass(frozen=True, slots=True)
class CommitContents:
    """What is in a commit: its files, their bytes together, and its submodules' commits by path."""

    count: int
    size: int
    submodules: Mapping[str, str]


class Repository:
    """A repository, ``top`` the first folder of its files.

    ``kept`` is its git directory where that is not to be found by the folder: a submodule's, whose files may
    be gone.
    """

    def __init__(self, top: Path, kept: Path | None = None) -> None:
        self.top = top
        self._where = () if kept is None else (f"--git-dir={kept}", f"--work-tree={top}")

    def _git(self, *words: str) -> str:
        return git(self.top, *self._where, *words)

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
        """The commit of that name; ``flag`` is the option that named it. Raises UsageError with what to
        do."""
        if not name.strip():  # of a command in its place that printed nothing
            raise UsageError(
                f"{flag}: {name!r} is not a revision (examples: origin/main, HEAD~1); if `git merge-base` was to name "
                f"it, the commit that both sides have is not in {self.top}{self._remedy(name)}"
            )
        try:
            commit = self._git("rev-parse", "--verify", f"{name}^{{commit}}").strip()
            tree = self._git("rev-parse", "--verify", f"{commit}^{{tree}}").strip()
        except GitFailed as error:
            raise UsageError(f"{flag} {name}: no such revision in {self.top}{self._remedy(name)}") from error
        return Revision(name, commit, tree)

    def only_in(self, one: Revision, other: Revision) -> tuple[int, str]:
        """How many commits ``one`` has that ``other`` lacks, and the commit from which they part.

        0 and empty if it has none, and if that commit is not here, as in a shallow clone.
        """
        with suppress(GitFailed):
            common = self._git("merge-base", one.commit, other.commit).strip()
            if count := int(self._git("rev-list", "--count", f"{other.commit}..{one.commit}")):
                return count, common
        return 0, ""

    def _remedy(self, name: str) -> str:
        with suppress(GitFailed):
            if self._git("rev-parse", "--is-shallow-repository").strip() == "true":
                return (
                    "; this clone is shallow: `git fetch --unshallow` brings all of them (fetch-depth: 0 in a "
                    f"workflow's checkout){self._alone(name)}"
                )
        return "; `git fetch` may bring it, `git branch --all` and `git tag` list what there is"

    def _alone(self, name: str) -> str:
        """How to fetch just that revision; empty if its name does not determine one place to fetch from."""
        if not name.strip() or re.search(r"[~^@:\s]", name) or name.startswith("-"):
            return ""
        remote, _, branch = name.partition("/")
        if branch and remote in self._git("remote").split():
            what = f"{branch}:refs/remotes/{name}"
        else:
            remote, what = "origin", name if re.fullmatch(r"[0-9a-f]{7,64}", name) else f"{name}:{name}"
        return f", `git fetch --depth 1 {remote} {what}` this one"

    def changes(self) -> list[PathChange]:
        """What differs from HEAD or is new and not ignored. Raises GitFailed."""
        listed = self._git(
            "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all",
            "--ignore-submodules=none",
        )  # fmt: skip
        return [
            PathChange(entry[3:].rstrip("/"), entry.startswith("??")) for entry in listed.split("\0") if entry
        ]

    def files(self) -> list[str]:
        """Every file that is tracked or new and not ignored, repositories in this one as one path. Raises
        GitFailed."""
        listed = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return list(dict.fromkeys(path.rstrip("/") for path in listed.split("\0") if path))

    def contents(self, commit: str) -> CommitContents:
        """What is in a commit; in a partial clone no bytes are counted. Raises GitFailed."""
        count, size, submodules = 0, 0, {}
        # Git would fetch files one by one to find their sizes.
        long = () if self._partial() else ("-l",)
        for entry in self._git("ls-tree", "-r", "-z", "--full-tree", *long, commit).split("\0"):
            if entry:
                facts, _, path = entry.partition("\t")
                mode, _, name, *length = facts.split()
                if mode == "160000":
                    submodules[path] = name
                    continue
                count += 1
                if length and length[0].isdigit():
                    size += int(length[0])
        return CommitContents(count, size, submodules)

    def _partial(self) -> bool:
        """Whether this is a clone without all files of the past, which git fetches when it needs them."""
        with suppress(GitFailed):
            return bool(self._git("config", "--get-regexp", r"^remote\..*\.promisor$"))
        return False

    def has(self, commit: str) -> bool:
        """Whether a commit is here with its tree."""
        with suppress(GitFailed):
            self._git("cat-file", "-e", f"{commit}^{{tree}}")
            return True
        return False

    def submodule_names(self, commit: str, path: str) -> list[str]:
        """What a commit calls the submodule at that path."""
        with suppress(GitFailed):
            stated = self._git(
                "config", f"--blob={commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$"
            )
            pairs = (entry.partition("\n") for entry in stated.split("\0") if entry)
            return [key[len("submodule.") : -len(".path")] for key, _, value in pairs if value == path]
        return []

    def git_directories(self) -> list[Path]:
        """Where git keeps what belongs to this checkout, and what all checkouts of the repository share."""
        own = Path(self._git("rev-parse", "--absolute-git-dir").rstrip("\n"))
        shared = self._git("rev-parse", "--git-common-dir").rstrip("\n")
        return list(dict.fromkeys([own, (self.top / shared).resolve()]))

    def check_out(self, revision: Revision, tree: Path) -> None:
        """Make a worktree of that revision, submodules left empty. Raises GitFailed."""
        self._git("worktree", "add", "--quiet", "--detach", str(tree), revision.commit)

    def fill(self, commit: str, index: Path) -> None:
        """Write the files of a commit to the top, with ``index`` as a file for git's own use. Raises
        GitFailed."""
        try:
            git(
                self.top, *self._where, "-c", "core.sparseCheckout=false", "read-tree", "--reset", "-u", commit,
                index=index,
            )  # fmt: skip
        finally:
            index.unlink(missing_ok=True)

    def forget(self, folder: Path) -> None:
        """Remove the worktrees below a folder, and what git remembers of them; never raises for what is not
        there."""
        for tree in self._worktrees(folder):
            try:
                self._drop(tree)
            except GitFailed:  # git removes nothing that it finds damaged, but forgets what is gone
                shutil.rmtree(tree, ignore_errors=True)
                with suppress(GitFailed):
                    self._drop(tree)

    def _drop(self, tree: Path) -> None:
        # Forced twice: an interrupted checkout leaves its worktree locked. Pruning would forget the user's
        # own, too, where they are on a disk that is not there at the moment.
        self._git("worktree", "remove", "--force", "--force", str(tree))

    def _worktrees(self, folder: Path) -> list[Path]:
        try:
            listed = self._git("worktree", "list", "--porcelain")
        except (GitFailed, UsageError):
            return []
        words = [
            line.removeprefix("worktree ") for line in listed.splitlines() if line.startswith("worktree ")
        ]
        return [tree for tree in map(Path, words) if tree.is_relative_to(folder)]
