"""Projects of the same repository that the project under test depends on: each side has its own revision's.

They are found by what the project states (paths in uv's, Poetry's and PDM's tables, file: URLs, Hatch's
``{root:uri}``, members of uv's workspace), and by what the environment has: a dependency that is installed
there as an editable folder of the repository would else be the user's working tree on both sides.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from harness.errors import UsageError
from harness.gate.builds.project import Project, normal, table


@dataclass(frozen=True, slots=True)
class Sibling:
    """A distribution, ``name`` as the index spells it, and the folder (or wheel) in a tree that it is made
    from."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """Where a revision is checked out: its ``tree``, the user's own checkout ``top``, and what people call
    the side."""

    tree: Path
    top: Path
    whose: str

    def inside(self, path: Path) -> Path | None:
        """The place in the tree that a path means, one in the user's own checkout too; None for what is
        outside."""
        path = Path(os.path.normpath(path))
        if path.is_relative_to(self.tree):
            return path
        return self.tree / path.relative_to(self.top) if path.is_relative_to(self.top) else None

    def shown(self, path: Path) -> str:
        """A path as it would be in the user's own checkout."""
        return os.path.normpath(self.top / os.path.relpath(path, self.tree))


def siblings(
    project: Project, place: CheckedOut, editable: Mapping[str, Path]
) -> tuple[tuple[Sibling, ...], tuple[str, ...]]:
    """What is built before the project, dependencies first, and notes on what is outside the repository.

    ``editable`` is what `editable_in` found. Raises UsageError for a folder that the revision does not have.
    """
    found: dict[str, Sibling] = {}
    notes: list[str] = []
    _collect(project, place, editable, found, notes, on_the_way={project.folder})
    return tuple(found.values()), tuple(dict.fromkeys(notes))


def editable_in(sites: Sequence[str], top: Path) -> dict[str, Path]:
    """The distributions that are installed in these folders as editable folders of a repository."""
    found: dict[str, Path] = {}
    for distribution in distributions(path=list(sites)):
        with suppress(OSError, ValueError, KeyError, TypeError):  # what is installed may be damaged
            stated = json.loads(distribution.read_text("direct_url.json") or "{}")
            folder = _path_of(stated["url"])
            if stated["dir_info"].get("editable") and folder is not None and folder.is_relative_to(top):
                found.setdefault(normal(distribution.metadata["Name"]), folder)
    return found


def _collect(
    project: Project,
    place: CheckedOut,
    editable: Mapping[str, Path],
    found: dict[str, Sibling],
    notes: list[str],
    on_the_way: set[Path],
) -> None:
    for name, path in _references(project, place, editable):
        inside = place.inside(path)
        if inside is None:
            notes.append(
                f"{name} comes from {place.shown(path)}, outside the repository: both sides have what the environment "
                "has of it"
            )
            continue
        if name in found or inside in on_the_way:
            continue
        if not inside.exists():
            raise UsageError(
                f"{place.whose}: {project.name or 'the project'} depends on {name} at {place.shown(inside)}, which "
                "this revision does not have; commit it there, or compare with a revision that has it"
            )
        on_the_way.add(inside)
        if inside.is_dir():
            _collect(Project(inside), place, editable, found, notes, on_the_way)
        found[name] = Sibling(name, inside)


def _references(
    project: Project, place: CheckedOut, editable: Mapping[str, Path]
) -> Iterator[tuple[str, Path]]:
    """The dependencies that are folders, by name."""
    root = _workspace(project, place)
    sources = dict(_sources(project, root, place))
    needed = _needed(project)
    if needed is None:  # only a build states them: any may be meant
        names: Iterable[str] = [*sources, *editable]
    else:
        names = [name for name, _ in needed]
        sources |= {name: path for name, path in needed if path is not None}
    for name in dict.fromkeys(names):
        if name == project.name:
            continue
        if name in sources:
            yield name, sources[name]
        elif name in editable:
            yield name, editable[name]


def _needed(project: Project) -> list[tuple[str, Path | None]] | None:
    """What a project needs to run, with the path where it states one; None if only a build states it."""
    stated = project.dependencies
    poetry = table(table(project.stated, "tool", "poetry"), "dependencies")
    if stated is None and not poetry:
        # A workspace's root that is not a project stands for its members.
        return (
            None
            if "project" in project.stated or project.installable or not project.workspace
            else [(name, folder) for name, folder in _members(project)]
        )
    found: list[tuple[str, Path | None]] = [(normal(name), None) for name in poetry]
    for text in stated or ():
        with suppress(InvalidRequirement):  # the installer reports it better
            one = Requirement(_filled(text, project.folder))
            found.append((normal(one.name), _path_of(one.url, project.folder) if one.url else None))
    return found


def _sources(project: Project, root: Project | None, place: CheckedOut) -> Iterator[tuple[str, Path]]:
    """Where dependencies are, by uv's and Poetry's tables; a member's own entry overrides the workspace's."""
    for source in filter(None, (root, project)):
        for name, stated in table(source.stated, "tool", "uv", "sources").items():
            for one in stated if isinstance(stated, list) else [stated]:
                if not isinstance(one, dict):
                    continue
                if isinstance(one.get("path"), str):
                    yield normal(name), source.folder / one["path"]
                elif one.get("workspace") is True and root is not None:
                    yield normal(name), _member(normal(name), root, place)
    for name, stated in table(project.stated, "tool", "poetry", "dependencies").items():
        for one in stated if isinstance(stated, list) else [stated]:
            if isinstance(one, dict) and isinstance(one.get("path"), str):
                yield normal(name), project.folder / one["path"]


def _workspace(project: Project, place: CheckedOut) -> Project | None:
    """The nearest project above, or this one, that has uv's table of a workspace."""
    for folder in (project.folder, *project.folder.parents):
        if not folder.is_relative_to(place.tree):
            return None
        if (above := Project(folder)).workspace:
            return above
    return None


def _member(name: str, root: Project, place: CheckedOut) -> Path:
    found = dict(_members(root)).get(name)
    if found is None:
        raise UsageError(
            f"{place.whose}: no member of the workspace in {place.shown(root.folder / 'pyproject.toml')} is called "
            f"{name}, as [tool.uv.sources] states; see members under [tool.uv.workspace]"
        )
    return found


def _members(root: Project) -> Iterator[tuple[str, Path]]:
    """The projects of a workspace by name, the root's own among them."""
    if root.name:
        yield root.name, root.folder
    out = {folder for pattern in _patterns(root.workspace, "exclude") for folder in root.folder.glob(pattern)}
    for pattern in _patterns(root.workspace, "members"):
        for folder in sorted(root.folder.glob(pattern)):
            if folder not in out and (member := Project(folder)).name:
                yield member.name, folder


def _patterns(workspace: Mapping[str, object], key: str) -> list[str]:
    stated = workspace.get(key)
    found = stated if isinstance(stated, list) else []
    # An absolute one is not a pattern of a workspace, and glob refuses it.
    return [text for text in found if isinstance(text, str) and text and not text.startswith("/")]


def _filled(text: str, folder: Path) -> str:
    """A requirement with the project's folder where a tool would put it: ``{root:parent:uri}``,
    ``${PROJECT_ROOT}``."""

    def fill(match: re.Match[str]) -> str:
        place = folder
        for _ in range(match[1].count(":parent")):
            place = place.parent
        return place.as_uri() if match[2] else str(place)

    text = re.sub(r"\{root((?::parent)*)(:uri)?\}", fill, text)
    return text.replace("${PROJECT_ROOT}", str(folder))


def _path_of(url: str, folder: Path | None = None) -> Path | None:
    """The path that a file: URL means, a relative one from ``folder``; None for other URLs."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    # A tool's placeholder for an absolute folder stands behind file:/// as well: ////folder.
    path = Path(re.sub("^/+", "/", unquote(parts.path)))
    return path if folder is None else folder / path
