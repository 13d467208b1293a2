"""The environment of a side with a revision: everything that is under test, each part built from that
revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.bench.temporary import executable
from harness.errors import UsageError
from harness.gate.builds.build import Job, build, contents, digest_of, make_environment, versions
from harness.gate.builds.import_hook import install
from harness.gate.builds.project import Project
from harness.gate.builds.requirements import missing, other_version, stated, unmet
from harness.gate.builds.siblings import CheckedOut, editable_in, siblings
from harness.gate.builds.side import BothSources
from harness.model import Side
from harness.processes.live import Reaper


@dataclass(frozen=True, slots=True)
class BuiltEnv:
    """A side's environment: the side's label, its interpreter, and the folders that are imported from first.

    ``pins`` is a digest of the constraints that it was installed under, ``siblings`` those of the projects
    that were built with it, by name. ``missing`` is the message for what it requires and lacks; empty if it
    has all.
    """

    label: str
    python: str
    on_the_path: tuple[Path, ...]
    pins: str
    siblings: Mapping[str, str]
    notes: tuple[str, ...]
    missing: str


def build_side(side: Side, sources: BothSources, home: Path, guard: Reaper) -> BuiltEnv:
    """Build a side into a folder of its own.

    Raises UsageError for constraints or a sibling that are not there, and for code that cannot be run from
    where it was built; LaunchError for what cannot be built.
    """
    spec, on, configuration = sources.specs[side], sources.on[side], sources.configuration
    tree = sources.trees[side]
    head = sources.trees[Side.HEAD] / sources.below
    project = Project(tree / sources.below)
    label = ", ".join([sources.checkouts[side].label, *spec.label(on)])
    job = Job(f"{side}, {label}", home, on, spec.variables, guard)
    family, outside = siblings(
        project, CheckedOut(tree, sources.top, job.whose), editable_in(on.sites, sources.top)
    )
    packages = make_environment(job)
    parts = [(Project(one.folder), replace(job, whose=f"{one.name} for {job.whose}")) for one in family]
    parts.append((project, job))
    built = [(part, its) for part, its in parts if part.installable]
    constraints = _constraints(sources, side, project) if built else None
    notes = [*outside]
    if constraints is not None and not constraints.is_relative_to(project.folder):
        notes.insert(0, f"base has no {configuration.pins}: it was installed under head's")
    for part, its in built:
        build(its, part, constraints, {one.name for one in family})
    on_the_path = [part for part, _ in parts if not part.installable]
    folders = [folder for part in on_the_path for folder in part.sources]
    own = [*([packages] if built else []), *folders]
    # Whatever benchmarks import beside packages comes from head, as they do.
    moved = (sources.top, tree, sources.trees[Side.HEAD])
    install(packages, behind=on.sites, own=own, under_test=configuration.under_test, last=[head], moved=moved)
    if family:
        names = ", ".join(f"{one.name} ({one.folder.relative_to(tree)})" for one in family)
        notes.append(f"built from either side's own revision, too: {names}")
    notes += _check_executable(job, packages)
    # Under constraints the installer brought what is required.
    required = stated(packages, on_the_path) if constraints is None else []
    spared = {*configuration.not_required, *(part.name for part in on_the_path)}
    lacks = unmet(required, versions(job), on.markers, spared) if required else []
    absent = [one for one in lacks if not one.installed]
    notes += [other_version(job.whose, one) for one in lacks if one.installed]
    return BuiltEnv(
        label,
        job.python,
        tuple(folders),
        digest_of(constraints),
        {one.name: contents(packages, one) for one in family},
        tuple(notes),
        missing(job.whose, on.python, absent, configuration.file) if absent else "",
    )


def _check_executable(job: Job, packages: Path) -> Iterator[str]:
    """A note if no code can be run from the side's folder. Raises UsageError if compiled code was built
    there."""
    if executable(job.folder):
        return
    where = f"{job.folder.parent} is on a file system that is mounted noexec"
    if library := next(packages.rglob("*.so"), None):
        raise UsageError(
            f"{where}: {library.relative_to(packages)}, built there for {job.whose}, cannot be loaded; set TMPDIR to a "
            "folder on another file system"
        )
    yield f"{where}: what torch.compile builds cannot be loaded"


def _constraints(sources: BothSources, side: Side, project: Project) -> Path | None:
    """The constraints to install a side under; a base that has none gets head's. Raises UsageError."""
    name = sources.configuration.pins
    if name is None:
        return None
    head = sources.trees[Side.HEAD] / sources.below
    for folder in (project.folder, *([head] if side is Side.BASE else [])):
        if (folder / name).is_file():
            return folder / name
    raise UsageError(
        f"{sources.configuration.file}: [tool.harness] pins: {side} has no file {name}; add it to the repository (an "
        "ignored file is not part of a revision), or take the key away"
    )
