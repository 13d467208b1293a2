"""What a project depends on in its own repository, as each tool states it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.gate.builds.project import Project
from harness.gate.builds.siblings import CheckedOut, editable_in, siblings

CORE = "[project]\nname = 'Core_Lib'\nversion = '1'\n[build-system]\n"
APP = "[project]\nname = 'app'\nversion = '1'\n"


@pytest.fixture
def place(tmp_path: Path) -> CheckedOut:
    """A tree of one side, and where the user has it checked out."""
    place = CheckedOut(tmp_path / "base" / "tree", tmp_path / "user" / "repo", "base, main (1234567)")
    place.tree.mkdir(parents=True)
    return place


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(
    place: CheckedOut, files: Mapping[str, str], below: str = "app", editable: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The siblings by name, as folders in the tree, in the order in which they are built."""
    write(place.tree, files)
    installed = {name: place.top / folder for name, folder in (editable or {}).items()}
    ones, notes = siblings(Project(place.tree / below), place, installed)
    assert notes == ()
    return {one.name: one.folder.relative_to(place.tree).as_posix() for one in ones}


@pytest.mark.parametrize(
    "stated",
    [
        f"{APP}dependencies = ['core-lib>=1', 'torch']\n[tool.uv.sources]\ncore-lib = {{path = '../libs/core'}}\n",
        f"{APP}dependencies = ['core_lib']\n[tool.uv.sources]\n"
        "core-lib = [{path = '../libs/core', editable = true, marker = 'os_name == \"posix\"'}]\n",
        f"{APP}dynamic = ['dependencies']\n[tool.uv.sources]\ncore-lib = {{path = '../libs/core'}}\n",
        f"{APP}dependencies = ['core-lib @ {{root:parent:uri}}/libs/core']\n",
        f"{APP}dependencies = ['core-lib @ {{root:uri}}/../libs/core']\n",
        f"{APP}dependencies = ['core-lib @ file:///${{PROJECT_ROOT}}/../libs/core']\n",
        f"{APP}dependencies = ['core-lib @ file:../libs/core']\n",
        "[tool.poetry]\nname = 'app'\n[tool.poetry.dependencies]\npython = '^3.11'\n"
        "Core_Lib = {path = '../libs/core', develop = true}\n",
        f"{APP}dependencies = ['core-lib']\n[tool.poetry.dependencies]\ncore-lib = [{{path = '../libs/core'}}]\n",
    ],
    ids=[
        "uv",
        "uv-list",
        "uv-dynamic",
        "hatch-parent",
        "hatch",
        "pdm",
        "relative-url",
        "poetry",
        "poetry-project",
    ],
)
def test_a_path_in_each_tools_words(place: CheckedOut, stated: str) -> None:
    """A dependency that is a folder of the repository is found in the tree of the side."""
    files = {"app/pyproject.toml": stated, "libs/core/pyproject.toml": CORE}
    assert found(place, files) == {"core-lib": "libs/core"}


def test_members_of_a_workspace(place: CheckedOut) -> None:
    """A workspace's members are found by name; what they depend on comes before them, and only what is
    needed."""
    root = "[tool.uv.workspace]\nmembers = ['libs/*', 'app']\nexclude = ['libs/old']\n"
    root += "[tool.uv.sources]\ncore-lib = {workspace = true}\n"
    between = "[project]\nname = 'between'\ndependencies = ['core-lib', 'app']\n[build-system]\n"
    files = {
        "pyproject.toml": root,
        "app/pyproject.toml": f"{APP}dependencies = ['between', 'numpy']\n[tool.uv.sources]\n"
        "between = {workspace = true}\n",
        "libs/core/pyproject.toml": CORE,
        "libs/between/pyproject.toml": f"{between}[tool.uv.sources]\napp = {{path = '../../app'}}\n",
        "libs/old/pyproject.toml": CORE,
        "libs/unused/pyproject.toml": "[project]\nname = 'unused'\n",
        "libs/no project/file": "",
    }
    assert found(place, files) == {"core-lib": "libs/core", "between": "libs/between"}
    # The root of a workspace that is no project itself stands for all its members.
    everything = {"core-lib": "libs/core", "between": "libs/between", "app": "app", "unused": "libs/unused"}
    assert found(place, files, below=".") == everything


def test_what_is_installed_as_an_editable_folder(place: CheckedOut, tmp_path: Path) -> None:
    """A dependency that the environment has from the user's own checkout is built from the side's; others are
    not."""
    site = tmp_path / "site"
    for name, url, editable in (
        ("Core_Lib", (place.top / "libs" / "core").as_uri(), True),
        ("copied", (place.top / "libs" / "copied").as_uri(), False),
        ("elsewhere", (tmp_path / "other").as_uri(), True),
        ("remote", "https://example.org/x.git", True),
    ):
        info = site / f"{name}-1.dist-info"
        record = json.dumps({"url": url, "dir_info": {"editable": editable}})
        write(
            info,
            {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", "direct_url.json": record},
        )
    write(site / "damaged-1.dist-info", {"METADATA": "Name: damaged\n", "direct_url.json": "{"})
    write(site / "index-1.dist-info", {"METADATA": "Name: index\n"})
    installed = editable_in([str(site)], place.top)
    assert installed == {"core-lib": place.top / "libs" / "core"}
    needs = f"{APP}dependencies = ['core-lib', 'remote']\n"
    files = {"app/pyproject.toml": needs, "libs/core/pyproject.toml": CORE}
    where = {name: str(folder.relative_to(place.top)) for name, folder in installed.items()}
    assert found(place, files, editable=where) == {"core-lib": "libs/core"}
    files["app/pyproject.toml"] = f"{APP}dependencies = ['remote']\n"
    assert found(place, files, editable=where) == {}


def test_what_the_revision_lacks_is_refused(place: CheckedOut) -> None:
    """A sibling that is not in the revision would be the user's own on one side: the message names it and its
    place."""
    stated = f"{APP}dependencies = ['core-lib']\n[tool.uv.sources]\ncore-lib = {{path = '../libs/core'}}\n"
    write(place.tree, {"app/pyproject.toml": stated})
    with pytest.raises(UsageError) as caught:
        siblings(Project(place.tree / "app"), place, {})
    assert str(caught.value) == (
        f"base, main (1234567): app depends on core-lib at {place.top}/libs/core, which this revision does not have; "
        "commit it there, or compare with a revision that has it"
    )
    write(place.tree, {"app/pyproject.toml": stated.replace("{path = '../libs/core'}", "{workspace = true}")})
    write(place.tree, {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['app']\n"})
    with pytest.raises(
        UsageError, match=r"no member of the workspace in .*/repo/pyproject.toml is called core-lib"
    ):
        siblings(Project(place.tree / "app"), place, {})


def test_what_is_outside_the_repository_is_noted(place: CheckedOut) -> None:
    """Another repository has no revision of its own here: the same code is on both sides, and that is
    noted."""
    stated = f"{APP}dependencies = ['other']\n[tool.uv.sources]\nother = {{path = '../../other'}}\n"
    write(place.tree, {"app/pyproject.toml": stated})
    ones, notes = siblings(Project(place.tree / "app"), place, {})
    assert ones == ()
    assert notes == (
        f"other comes from {place.top.parent}/other, outside the repository: both sides have what the environment has "
        "of it",
    )
