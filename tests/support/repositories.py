"""Git repositories that tests make, and what is in their folders."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@example.org",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@example.org",
}
"""Variables under which git has no settings of the machine's or the user's."""


class Repo:
    """A git repository with files, at a path with a space."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(files)

    def git(self, *words: str) -> str:
        """What git says here."""
        return subprocess.run(
            ["git", "-C", str(self.folder), *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(self, files: Mapping[str, str]) -> None:
        """Change files without git."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def commit(self, files: Mapping[str, str]) -> None:
        """Change files, and commit everything."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    @property
    def worktrees(self) -> list[str]:
        """A line for each."""
        return self.git("worktree", "list").splitlines()


def contents(top: Path) -> dict[str, str]:
    """Files by path, links by where they lead."""
    found = {}
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != ".git"]
        for path in (Path(folder, name) for name in [*names, *folders] if name != ".git"):
            if path.is_symlink():
                found[str(path.relative_to(top))] = f"-> {path.readlink()}"
            elif path.is_file():
                found[str(path.relative_to(top))] = path.read_text()
    return found
