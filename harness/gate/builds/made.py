"""The environment of a side with a revision: everything that is under test, each part built from that revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.bench.temporary import executable
from harness.errors import UsageError
from harness.gate.builds.build import Job, build, contents, digest_of, make_environment, versions
from harness.gate.builds.checkout import BothSources
from harness.gate.builds.import_hook import install
from harness.gate.builds.interpreter import Interpreter
from harness.gate.builds.project import Project
from harness.gate.builds.requirements import missing, other_version, stated, unmet
from harness.gate.builds.siblings import CheckedOut, Sibling, editable_in, siblings
from harness.gate.builds.side import SideSpec
from harness.gate.configuration import Configuration
from harness.model import Side
from harness.processes.live import Reaper


@dataclass(frozen=True, slots=True)
class MadeEnv:
    """A side's environment: what people call the side, its interpreter, and the folders that are imported from first.

    ``pins`` is a digest of the constraints that it was installed under, ``siblings`` those of the projects that were
    built with it, by name. ``missing`` is what to say of what it requires and has not; empty where it has all.
    """

    label: str
    python: str
    on_the_path: tuple[Path, ...]
    pins: str
    siblings: Mapping[str, str]
    notes: tuple[str, ...]
    missing: str


def make(side: Side, sources: BothSources, home: Path, guard: Reaper) -> MadeEnv:
    """Build a side into a folder of its own.

    Raises UsageError for constraints or a sibling that are not there, and for code that cannot be run from where it
    was built; LaunchError for what cannot be built.
    """
    wanted, on, configuration = sources.wanted[side], sources.on[side], sources.configuration
    tree = sources.trees[side]
    head = sources.trees[Side.HEAD] / sources.below
    project = Project(tree / sources.below)
    label = ", ".join([sources.checkouts[side].label, *besides(wanted, on)])
    job = Job(f"{side}, {label}", home, on, wanted.variables, guard)
    family, outside = siblings(project, CheckedOut(tree, sources.top, job.whose), editable_in(on.sites, sources.top))
    packages = make_environment(job)
    parts = [(Project(one.folder), replace(job, whose=f"{one.name} for {job.whose}")) for one in family]
    parts.append((project, job))
    built = [(part, its) for part, its in parts if part.installable]
    constraints, pinned = _constraints(configuration, side, project, head) if built else (None, ())
    for part, its in built:
        build(its, part, constraints, {one.name for one in family})
    on_the_path = [part for part, _ in parts if not part.installable]
    folders = [folder for part in on_the_path for folder in part.sources]
    own = [*([packages] if built else []), *folders]
    # Whatever benchmarks import beside packages comes from head, as they do.
    moved = (sources.top, tree, sources.trees[Side.HEAD])
    install(packages, behind=on.sites, own=own, under_test=configuration.under_test, last=[head], moved=moved)
    unloadable = tuple(_check_executable(job, packages))
    # Under constraints the installer brought what is required.
    required = stated(packages, on_the_path) if constraints is None else []
    spared = {*configuration.not_required, *(part.name for part in on_the_path)}
    lacks = unmet(required, versions(job), on.markers, spared) if required else []
    absent = [one for one in lacks if not one.installed]
    others = (other_version(job.whose, one) for one in lacks if one.installed)
    return MadeEnv(
        label,
        job.python,
        tuple(folders),
        digest_of(constraints),
        {one.name: contents(packages, one) for one in family},
        (*pinned, *outside, *_told(family, tree), *unloadable, *others),
        missing(job.whose, on.python, absent, configuration.file) if absent else "",
    )


def besides(wanted: SideSpec, on: Interpreter) -> list[str]:
    """What a side's label says beside its revision."""
    python = [f"{on.python} ({on.version})"] if wanted.python else []
    return [*python, *(f"{name}={value}" for name, value in wanted.variables.items())]


def _check_executable(job: Job, packages: Path) -> Iterator[str]:
    """What to note where no code can be run from the side's folder. Raises UsageError where it was built to be."""
    if executable(job.folder):
        return
    where = f"{job.folder.parent} is on a file system that is mounted noexec"
    if library := next(packages.rglob("*.so"), None):
        raise UsageError(
            f"{where}: {library.relative_to(packages)}, built there for {job.whose}, cannot be loaded; set TMPDIR to a "
            "folder on another file system"
        )
    yield f"{where}: what torch.compile builds cannot be loaded"


def _told(family: Sequence[Sibling], tree: Path) -> Iterator[str]:
    if family:
        names = ", ".join(f"{one.name} ({one.folder.relative_to(tree)})" for one in family)
        yield f"built from either side's own revision, too: {names}"


def _constraints(
    configuration: Configuration, side: Side, project: Project, head: Path
) -> tuple[Path | None, tuple[str, ...]]:
    """The constraints to install a side under, and what is to be noted: a base without any gets head's.

    Raises UsageError.
    """
    name = configuration.pins
    if name is None:
        return None, ()
    if (project.folder / name).is_file():
        return project.folder / name, ()
    if side is Side.BASE and (head / name).is_file():
        return head / name, (f"base has no {name}: it was installed under head's",)
    raise UsageError(
        f"{configuration.file}: [tool.harness] pins: {side} has no file {name}; add it to the repository (an ignored "
        "file is not part of a revision), or take the key away"
    )
