"""What a checkout is as a project: whether it can be installed, what building and running it takes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

_LEGACY = ("setuptools>=40.8.0",)
"""What builds a project that does not state a build system."""


_NO_PACKAGE: tuple[tuple[tuple[str, ...], str, object], ...] = (
    (("uv",), "package", False),
    (("poetry",), "package-mode", False),
    (("pdm",), "distribution", False),
    (("pdm",), "package-type", "application"),
    (("hatch", "envs", "default"), "skip-install", True),
    (("hatch", "envs", "default"), "detached", True),
)
"""How each tool states, in [tool], that a project is not installed; all but hatch's state that it is not a
package."""


class Project:
    """A folder with a pyproject.toml or a setup.py, or neither."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stated: Mapping[str, object] = {}
        # The installer reports what is not TOML.
        with suppress(OSError, ValueError):
            self.stated = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def installable(self) -> bool:
        """Whether it states how it is built, and not that it is not a package: else it is put on the path as
        it is."""
        if self.folder.is_file():  # a wheel or a source archive
            return True
        tools = table(self.stated, "tool")
        if any(table(tools, *path).get(key) == value for path, key, value in _NO_PACKAGE):
            return False
        return (
            "build-system" in self.stated
            or table(tools, "uv").get("package") is True
            or "setuptools" in tools
            or (self.folder / "setup.py").is_file()
            or (
                (self.folder / "setup.cfg").is_file()
                and "[metadata]" in (self.folder / "setup.cfg").read_text(encoding="utf-8", errors="replace")
            )
        )

    @property
    def name(self) -> str:
        """Its distribution's name as the index spells it; nothing where it states none."""
        named = table(self.stated, "project").get("name") or table(self.stated, "tool", "poetry").get("name")
        return normal(named) if isinstance(named, str) else ""

    @property
    def workspace(self) -> Mapping[str, object]:
        """Its table of a uv workspace; empty if it is not the root of one."""
        return table(self.stated, "tool", "uv", "workspace")

    @property
    def sources(self) -> list[Path]:
        """The folders that imports start from where it is not installed."""
        return [folder for folder in (self.folder, self.folder / "src") if folder.is_dir()]

    @property
    def dependencies(self) -> list[str] | None:
        """What it needs to run; None if only a build states it."""
        project = table(self.stated, "project")
        if not project or "dependencies" in _strings(project.get("dynamic", [])):
            return None
        return _strings(project.get("dependencies", []))

    @property
    def build_requirements(self) -> list[str]:
        """What building it takes, as it states it."""
        return _strings(table(self.stated, "build-system").get("requires", list(_LEGACY)))


def satisfied(requirements: Sequence[str], versions: Mapping[str, str]) -> bool:
    """Whether these distributions, versions by normalised name, are all that is required."""
    try:
        parsed = [Requirement(text) for text in requirements]
        wanted = {normal(one.name): one for one in parsed if one.marker is None or one.marker.evaluate()}
        for name, one in wanted.items():
            if (
                name not in versions
                or one.url
                or not one.specifier.contains(versions[name], prereleases=True)
            ):
                return False
    except (InvalidRequirement, InvalidVersion):
        return False  # the installer reports it better
    # Older setuptools make no wheel by themselves, and do not declare what they need for it.
    alone = "setuptools" not in wanted or Requirement("setuptools>=70.1").specifier.contains(
        versions["setuptools"]
    )
    return alone or "wheel" in versions


def named(requirement: str) -> str:
    """The distribution that a requirement begins with, as the index spells it."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return normal(found[1]) if found else ""


def normal(name: str) -> str:
    """A distribution's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def table(within: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """The table at that path of keys; an empty one where there is none."""
    for key in path:
        found = within.get(key)
        within = found if isinstance(found, dict) else {}
    return within


def _strings(found: object) -> list[str]:
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
