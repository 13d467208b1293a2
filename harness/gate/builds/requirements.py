"""What the sides require and what their environments have: known before anything is measured."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from harness.gate.builds.project import Project, normal


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement, as it can be handed to an installer, of the distribution ``by``; what is ``installed``
    instead.

    Nothing is installed where the distribution is missing.
    """

    by: str
    text: str
    name: str
    installed: str = ""


def stated(packages: Path, on_the_path: Iterable[Project]) -> list[tuple[str, str]]:
    """The requirements of what was installed into a side's site-packages and of projects on its path, with
    whose.

    What only a build states of a project on the path is not known.
    """
    installed = [
        (one.metadata["Name"], text)
        for one in distributions(path=[str(packages)])
        for text in one.requires or ()
    ]
    return installed + [
        (project.name or project.folder.name, text)
        for project in on_the_path
        for text in project.dependencies or ()
    ]


def unmet(
    requirements: Iterable[tuple[str, str]],
    versions: Mapping[str, str],
    markers: Mapping[str, str],
    not_required: Collection[str] = (),
) -> list[Unmet]:
    """What these distributions, versions by normalised name, do not meet.

    ``markers`` are the values of the interpreter that is to run them; extras are left out.
    """
    spared = {normal(name) for name in not_required}
    found: dict[str, Unmet] = {}
    for by, text in requirements:
        with suppress(InvalidRequirement, InvalidVersion):  # an installer took it
            one = Requirement(text)
            name = normal(one.name)
            if name in spared or not (one.marker is None or one.marker.evaluate({**markers, "extra": ""})):
                continue
            plain = one.name + (f" @ {one.url}" if one.url else str(one.specifier))
            if name not in versions:
                found.setdefault(name, Unmet(by, plain, name))
            elif not one.specifier.contains(versions[name], prereleases=True):
                found.setdefault(name, Unmet(by, plain, name, versions[name]))
    return list(found.values())


def missing(whose: str, python: str, lacks: Collection[Unmet], file: Path | None) -> str:
    """The message on a side that lacks what it requires, with the remedies; ``file`` is the
    pyproject.toml."""
    needs = ", ".join(f"{one.text} (for {one.by})" for one in lacks)
    install = f"uv pip install --python {shlex.quote(python)} {shlex.join(one.text for one in lacks)}"
    names = ", ".join(f'"{one.name}"' for one in lacks)
    return (
        f"{whose}: not installed: {needs}. Install what is missing ({install}); or let each side install what it "
        f'requires, with pins = "constraints.txt" in [tool.harness] of {file}; or, where benchmarks do without, state '
        f"not-required = [{names}] there"
    )


def other_version(whose: str, one: Unmet) -> str:
    """The note on a side that has another version than it requires."""
    return f"{whose}: {one.by} requires {one.text}, and the environment has {one.installed}"
