"""What a side's worktree is made of: submodules that are here, what git does not track, and how much that
is."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest

from harness.errors import UsageError
from harness.gate.builds import disk_space, overlay
from harness.gate.builds.repository import PathChange, Repository
from harness.gate.builds.side import Checkout
from harness.gate.builds.submodules import fill
from harness.gate.configuration import Configuration
from harness.processes.launch import LaunchError
from tests.support.repositories import GIT, Repo, contents


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git without settings of the machine's, which may add submodules from folders."""
    more = {"COUNT": "1", "KEY_0": "protocol.file.allow", "VALUE_0": "always"}
    for name, value in {**GIT, **{f"GIT_CONFIG_{name}": value for name, value in more.items()}}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with a file."""
    return Repo(tmp_path / "a project", {"parcel.py": "1", ".gitignore": "ignored/\n"})


def untracked(*paths: str) -> list[PathChange]:
    return [PathChange(path, untracked=True) for path in paths]


# --- submodules ---------------------------------------------------------------------------------------------


def filled(
    repo: Repo, tmp_path: Path, commit: str = "HEAD", leave: tuple[str, ...] = ()
) -> tuple[dict[str, str], Any]:
    """The files of a worktree of that commit with its submodules, and the notes."""
    repository = Repository(repo.folder.resolve())
    tree = tmp_path / "tree"
    if tree.exists():
        repo.git("worktree", "remove", "--force", "--force", str(tree))
    revision = repository.revision(commit, "--base")
    repository.check_out(revision, tree)
    notes = fill(repository, revision.commit, tree, tmp_path / "index", leave)
    assert not (tmp_path / "index").exists()
    return {name: text for name, text in contents(tree).items() if not name.startswith(".git")}, notes


def test_submodules_are_made_from_what_is_here(repo: Repo, tmp_path: Path) -> None:
    """Each commit has the submodules it records, nested ones too, when their sources are gone and no file is
    there."""
    inner = Repo(tmp_path / "inner", {"deep": "1"})
    outer = Repo(tmp_path / "outer", {"file": "1"})
    outer.git("submodule", "--quiet", "add", str(inner.folder), "nested")
    outer.commit({})
    repo.git("submodule", "--quiet", "add", str(outer.folder), "libs/sub")
    repo.git("submodule", "--quiet", "update", "--init", "--recursive")
    repo.commit({})
    outer.commit({"file": "2"})
    subprocess.run(["git", "-C", str(repo.folder / "libs/sub"), "pull", "--quiet"], check=True)
    repo.commit({})
    shutil.rmtree(inner.folder)
    shutil.rmtree(outer.folder)
    before = repo.git("status", "--porcelain"), repo.git("submodule", "status", "--recursive")
    old = {"parcel.py": "1", "libs/sub/file": "1", "libs/sub/nested/deep": "1"}
    strip = {"libs/sub/.gitmodules"}

    def made(commit: str) -> dict[str, str]:
        found, notes = filled(repo, tmp_path, commit)
        assert notes == ()
        return {name: text for name, text in found.items() if name not in strip}

    assert made("HEAD~1") == old
    assert made("HEAD") == {**old, "libs/sub/file": "2"}
    assert (repo.git("status", "--porcelain"), repo.git("submodule", "status", "--recursive")) == before
    # What is gone from the working tree is still among what git keeps.
    repo.git("rm", "--quiet", "-r", "libs/sub")
    repo.commit({})
    assert made("HEAD~1") == {**old, "libs/sub/file": "2"}
    assert made("HEAD") == {"parcel.py": "1"}


def test_submodules_that_are_not_here_are_noted(repo: Repo, tmp_path: Path) -> None:
    """One that was never initialised, and a commit that was never fetched, are empty folders and one line
    each."""
    other = Repo(tmp_path / "other", {"file": "1"})
    repo.git("submodule", "--quiet", "add", str(other.folder), "used")
    repo.git("submodule", "--quiet", "add", str(other.folder), "unused")
    repo.commit({})
    unknown = "1234567" + "0" * 33
    repo.git("update-index", "--cacheinfo", f"160000,{unknown},used")
    repo.git("commit", "--quiet", "--message", "a commit that is nowhere else")
    shutil.rmtree(other.folder)
    clone = Repo.__new__(Repo)
    clone.folder = tmp_path / "clone"
    repo.git("clone", "--quiet", str(repo.folder), str(clone.folder))
    found, notes = filled(clone, tmp_path)
    assert found == {"parcel.py": "1"}
    assert notes == (
        "submodule unused is empty: it was never initialised here (git submodule update --init unused)",
        "submodule used is empty: it was never initialised here (git submodule update --init used)",
    )
    clone.git("worktree", "remove", "--force", "--force", str(tmp_path / "tree"))
    found, notes = filled(repo, tmp_path, leave=("unused",))
    assert found == {"parcel.py": "1"}
    assert notes == (
        "submodule used is empty: its commit 1234567 is not here (git submodule update --init used brings it, if its "
        "source still has it)",
    )


def test_a_damaged_submodule_is_noted(repo: Repo, tmp_path: Path) -> None:
    """One whose objects are not all there ends nothing: git's words are noted."""
    other = Repo(tmp_path / "other", {"file": "1"})
    repo.git("submodule", "--quiet", "add", str(other.folder), "sub")
    repo.commit({})
    blob = other.git("rev-parse", "HEAD:file")
    (repo.folder / ".git/modules/sub/objects" / blob[:2] / blob[2:]).unlink()
    _, notes = filled(repo, tmp_path)
    (note,) = notes
    assert note.startswith("submodule sub is not complete: ")
    assert blob in note
    assert note.endswith(" (git submodule update sub)")


def test_a_submodules_name_leads_nowhere_else(repo: Repo, tmp_path: Path) -> None:
    """A name in .gitmodules that climbs out of git's folder finds nothing."""
    other = Repo(tmp_path / "other", {"file": "secret"})
    head = other.git("rev-parse", "HEAD")
    (tmp_path / "other" / ".git").rename(repo.folder / "kept")
    repo.write({".gitmodules": '[submodule "../../kept"]\n\tpath = sub\n\turl = nowhere\n'})
    repo.git("add", ".gitmodules")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    repo.git("commit", "--quiet", "--message", "climb")
    found, notes = filled(repo, tmp_path)
    assert "sub/file" not in found
    assert notes == (
        "submodule sub is empty: it was never initialised here (git submodule update --init sub)",
    )


def test_a_partial_clone_fetches_only_what_is_checked_out(repo: Repo, tmp_path: Path) -> None:
    """Where git has not all files of the past their sizes are not read: it would fetch them one by one."""
    repo.commit({"parcel.py": "22", "large": "x" * 1000})
    repo.commit({"large": "y" * 1000})
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = Repo.__new__(Repo)
    clone.folder = tmp_path / "clone"
    repo.git("clone", "--quiet", "--filter=blob:none", f"file://{repo.folder}", str(clone.folder))
    repository = Repository(clone.folder.resolve())
    missing = ("rev-list", "--objects", "--missing=print", "HEAD~1")
    before = clone.git(*missing).count("?")
    assert before
    assert repository.contents("HEAD~1").size == 0
    assert clone.git(*missing).count("?") == before
    assert Repository(repo.folder).contents("HEAD~1").size == len("22") + 1000 + len("ignored/\n")
    found, _ = filled(clone, tmp_path, "HEAD~1")
    assert found["large"] == "x" * 1000


# --- what git does not track --------------------------------------------------------------------------------


def test_a_repository_within_brings_what_it_does_not_ignore(repo: Repo, tmp_path: Path) -> None:
    """Of a repository within this one its tracked and new files are copied, not what it ignores and no
    history."""
    inner = Repo(repo.folder / "inner", {"file": "1", ".gitignore": "build/\n", "gone": "1"})
    inner.write({"new": "1", "build/large": "1"})
    (inner.folder / "gone").unlink()
    tree = tmp_path / "tree"
    tree.mkdir()
    changes = Repository(repo.folder).changes()
    assert changes == untracked("inner")
    overlay.overlay(repo.folder, changes, tree)
    assert contents(tree / "inner") == {"file": "1", "new": "1", ".gitignore": "build/\n"}


@pytest.mark.parametrize(
    ("sizes", "largest", "share"),
    [
        ({}, ".", 0),
        ({"a": 10}, "a", 10),
        ({"last.pt": 60, "data/a": 10, "data/b": 30}, "last.pt", 60),
        ({"data/a": 10, "data/b": 30}, "data", 40),
        ({"runs/checkpoints/1": 60, "runs/logs/1": 20, "notes": 10}, "runs/checkpoints", 60),
        ({"a/1": 30, "b/1": 30, "c/1": 30}, ".", 90),
    ],
)
def test_how_much_is_copied(repo: Repo, sizes: Mapping[str, int], largest: str, share: int) -> None:
    """What git does not track is counted, and what has most of it is named: the innermost folder, or a
    file."""
    repo.write(
        {name: "x" * size for name, size in sizes.items()} | {"parcel.py": "22", "ignored/x": "x" * 99}
    )
    found = disk_space.amount(repo.folder, Repository(repo.folder).changes())
    assert found == disk_space.Amount(
        sum(sizes.values()), len(sizes), PurePath(largest), share, largest in sizes
    )


def test_copies_share_their_blocks_where_that_works(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system shares blocks where it can; elsewhere the copy is a plain one; neither is a hard
    link."""
    requests: list[int] = []

    def clone(target: int, request: int, source: int) -> int:
        requests.append(request)
        if not able:
            raise OSError(95, "not supported")
        with open(source, "rb", closefd=False) as old, open(target, "wb", closefd=False) as new:
            new.write(old.read())
        return 0

    monkeypatch.setattr(fcntl, "ioctl", clone)
    repo.write({"data": "many bytes"})
    (repo.folder / "data").chmod(0o750)
    for able in (False, True):
        tree = tmp_path / str(able)
        tree.mkdir()
        assert overlay.can_clone(repo.folder, untracked("data"), tmp_path) is able
        overlay.overlay(repo.folder, untracked("data"), tree)
        assert (tree / "data").read_text() == "many bytes"
        assert (tree / "data").stat().st_mode == (repo.folder / "data").stat().st_mode
        assert (tree / "data").stat().st_mtime == (repo.folder / "data").stat().st_mtime
        assert (tree / "data").stat().st_nlink == 1
    assert set(requests) == {0x40049409}
    assert not overlay.can_clone(repo.folder, [], tmp_path)


@pytest.mark.parametrize(
    ("results", "left"),
    [
        ("results", ["data/a", "new.py"]),
        ("out/of/way", ["data/a", "new.py", "results/2026-01-02_03-04-05/run.json", "results/notes"]),
        ("data", ["new.py", "results/2026-01-02_03-04-05/run.json", "results/notes"]),
        (None, ["data/a", "new.py", "results/2026-01-02_03-04-05/run.json", "results/notes"]),
    ],
)
def test_our_results_are_no_change(results: str | None, left: list[str]) -> None:
    """What git does not track in the folder of results is left out, and what it tracks is not."""
    changes = untracked("data/a", "new.py", "results/2026-01-02_03-04-05/run.json", "results/notes")
    tracked = PathChange("results/baselines/run.json", untracked=False)
    found = overlay.without_ours(
        [*changes, tracked], PurePath(results) if results else None, PurePath("work")
    )
    assert [change.path for change in found] == [*left, tracked.path]


def test_results_beside_the_code() -> None:
    """Where results are saved in the folder of the project, only runs are ours."""
    changes = untracked(
        "new.py", "2026-01-02_03-04-05/run.json", "2026-01-02_03-04-05-02/gate.json", "2026-01-02/data"
    )
    for results, project in ((".", "."), (".", "work")):
        found = overlay.without_ours(changes, PurePath(results), PurePath(project))
        assert [change.path for change in found] == ["new.py", "2026-01-02/data"]


# --- disk space ---------------------------------------------------------------------------------------------


def checked(repo: Repo, folder: Path, configuration: Configuration) -> list[str]:
    """The notes before copying."""
    notes: list[str] = []
    repository = Repository(repo.folder)
    now = repository.revision("HEAD", "--base")
    head = Checkout(now, working=True, changes=tuple(repository.changes()))
    disk_space.check_space(repository, (Checkout(now), head), folder, configuration, notes.append)
    return notes


def test_how_much_is_noted_before_copying(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long is noted with its largest folder; beyond the limit it is refused with the remedies."""
    monkeypatch.setattr(overlay, "_clone", lambda source, target: False)
    (repo.folder / "runs").mkdir()
    for name, size in (("runs/last.pt", 2**24), ("runs/first.pt", 2**20), ("new.py", 1)):
        with (repo.folder / name).open("wb") as file:
            file.truncate(size)
    stated = Configuration(file=repo.folder / "pyproject.toml")
    text = "17.0 MiB in 3 files that git does not track, 17.0 MiB of it in runs/"
    assert checked(repo, tmp_path, stated) == [f"copying {text} for head"]
    with pytest.raises(UsageError) as caught:
        checked(repo, tmp_path, replace(stated, untracked_limit=2**24))
    assert str(caught.value) == (
        f"head would get a copy of {text}, and the limit is 16.0 MiB; add runs/ to .gitignore if the benchmarks do not "
        f'read it, or raise the limit in {stated.file}: [tool.harness] untracked-limit = "8 GiB"'
    )
    # A file system that shares blocks has room for any number of copies.
    monkeypatch.setattr(overlay, "_clone", lambda source, target: target.write_bytes(b"") == 0)
    assert checked(repo, tmp_path, replace(stated, untracked_limit=2**24)) == [f"copying {text} for head"]
    (repo.folder / ".gitignore").write_text("runs/\n")
    assert checked(repo, tmp_path, stated) == []
    with (repo.folder / "whole.pt").open("wb") as file:
        file.truncate(2**24)
    text = "16.0 MiB in 2 files that git does not track, 16.0 MiB of it in whole.pt"
    assert checked(repo, tmp_path, stated) == [f"copying {text} for head"]


def test_a_disk_that_is_too_small(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both worktrees and the copies have to fit into the folder for temporary files, or nothing is begun."""
    repo.commit({"large": "x" * 2**21})
    usage = shutil.disk_usage(tmp_path)._replace(free=2**26 + 2**22)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(LaunchError) as caught:
        checked(repo, tmp_path / "scratch", Configuration())
    assert str(caught.value) == (
        f"the file system of {tmp_path} has 68.0 MiB left, and both sides need 68.0 MiB (their worktrees); set TMPDIR "
        "to a writable folder with more space"
    )
    usage = usage._replace(free=2**26 + 2**22 + 2**10)
    assert checked(repo, tmp_path, Configuration()) == []


def test_a_disk_that_takes_no_more_files(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small files use up what a file system has for their names before they use up its bytes."""
    repo.write({f"data/{number}": "" for number in range(20)})
    # Two files on either side, and what environments take.
    monkeypatch.setattr(disk_space, "files_left", lambda folder: 2 * 2 + 20 + 499)
    with pytest.raises(LaunchError) as caught:
        checked(repo, tmp_path, Configuration())
    assert str(caught.value).startswith(
        f"the file system of {tmp_path.parent} takes 523 more files, and both sides need 524 (their worktrees, 20 "
        "files that git does not track); set TMPDIR to"
    )
    for enough in (524, None):
        monkeypatch.setattr(disk_space, "files_left", lambda folder, enough=enough: enough)
        assert checked(repo, tmp_path, Configuration()) == []
