"""A side's environment: made on an interpreter, with the packages under test built and installed from its checkout."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from harness.gate.builds.complaint import complaint
from harness.gate.builds.import_hook import install
from harness.gate.builds.interpreter import Interpreter
from harness.gate.builds.project import Project, named, normal, satisfied
from harness.gate.builds.repository import without_git
from harness.gate.builds.siblings import Sibling
from harness.processes.launch import LaunchError
from harness.processes.live import LiveProcess, Reaper, exit_reason

_ELSEWHERE = frozenset({
    "CONDA_PREFIX", "VIRTUAL_ENV", "PIP_PREFIX", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV", "PIP_ROOT", "PIP_TARGET",
    "PIP_USER", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON",
})  # fmt: skip
"""Variables that would have an installer work on another environment than the one it is told of."""

_VERSIONS = """
import importlib.metadata, json
found = {}
for distribution in importlib.metadata.distributions():
    if distribution.metadata and distribution.metadata["Name"]:
        found.setdefault(distribution.metadata["Name"], distribution.version)
print(json.dumps(found))
"""


def uv() -> list[str]:
    """The command of uv: the module that is installed here, or what is on PATH; nothing where there is none."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-P", "-m", "uv"]
    found = shutil.which("uv")
    return [found] if found else []


@dataclass(frozen=True, slots=True)
class Job:
    """An environment to be made in ``folder``; ``whose`` names its side in messages, ``variables`` are that side's."""

    whose: str
    folder: Path
    on: Interpreter
    variables: Mapping[str, str]
    guard: Reaper

    @property
    def python(self) -> str:
        """The interpreter of the environment."""
        return str(self.folder / "env" / "bin" / "python")


def make_environment(job: Job) -> Path:
    """Make an environment that sees all packages of the interpreter it is on, and give its site-packages.

    Raises LaunchError.
    """
    made = job.folder / "env"
    _run(job, [job.on.python, "-m", "venv", "--without-pip", str(made)], job.folder, "make an environment for")
    packages = next(made.glob("lib/python*/site-packages"), None)
    if packages is None:
        raise LaunchError(f"{job.on.python} made an environment without site-packages for {job.whose}")
    install(packages, behind=job.on.sites)
    return packages


def build(job: Job, project: Project, constraints: Path | None, besides: Collection[str] = ()) -> None:
    """Build a project and install it into the side's environment.

    Without constraints nothing else is installed; with them, what it depends on comes first, so that it is built
    in the presence of what it will run with; all but the distributions ``besides``, which are there. Raises
    LaunchError with the command and its errors.
    """
    installer = _uv(job, project) if uv() else _pip(job)
    isolated = not satisfied(project.build_requirements, versions(job))
    under = [] if constraints is None else ["--constraint", str(constraints)]
    needed = [] if constraints is None else project.dependencies
    if needed:
        needed = [text for text in needed if named(text) not in besides]
    if needed:
        _run(job, [*installer.install, *under, *needed], installer.folder, "install the dependencies of")
    # Nothing is isolated where all that the build needs is there: extensions are built against the torch in use.
    how = [] if isolated else ["--no-build-isolation"]
    if needed is None:
        command = [*installer.install, *under, *how]
    else:
        command = [*installer.alone, *how, *([] if isolated else [installer.uncached])]
    _run(job, [*command, str(project.folder)], installer.folder, "build")


def contents(packages: Path, sibling: Sibling) -> str:
    """What tells one state of a sibling from another: the files that were installed, or those that are on the path."""
    for distribution in distributions(path=[str(packages)]):
        if normal(distribution.metadata["Name"]) == sibling.name:
            named = [(str(file), Path(str(file.locate()))) for file in distribution.files or ()]
            break
    else:
        named = [(str(file.relative_to(sibling.folder)), file) for file in sibling.folder.rglob("*.py")]
    # What the installer says of where it came from tells nothing.
    lines = [
        f"{name}={_sha256(file)}"
        for name, file in named
        if not re.search(r"\.dist-info|\.pyc$", name) and file.is_file()
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def digest_of(constraints: Path | None) -> str:
    """What tells one file of constraints from another; nothing where there is none."""
    return "" if constraints is None else _sha256(constraints)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Installer:
    """Commands, to be followed by what to install: with its dependencies, and ``alone``; the folder to run them in.

    ``uncached`` is for what needs nothing from a cache and shall leave nothing there.
    """

    install: list[str]
    alone: list[str]
    folder: Path
    uncached: str


def _uv(job: Job, project: Project) -> _Installer:
    install = [*uv(), "pip", "install", "--python", job.python]
    # The project's own settings of uv count, and are looked for from where it runs.
    folder = project.folder if project.folder.is_dir() else project.folder.parent
    return _Installer(install, [*install, "--no-deps"], folder, "--no-cache")


def _pip(job: Job) -> _Installer:
    python = job.on.python if job.on.pip else _own_pip(job)
    command = [python, "-m", "pip", "--python", job.python, "install"]
    install = [*command, "--no-user", "--no-input", "--disable-pip-version-check"]
    # What the environment behind already has of the project counts for nothing. Not run in the project's folder: its
    # modules might stand in for the standard library's.
    return _Installer(install, [*install, "--no-deps", "--ignore-installed"], job.folder, "--no-cache-dir")


def _own_pip(job: Job) -> str:
    """An interpreter with the pip that came with Python, in an environment that both sides use. Raises LaunchError."""
    made = job.folder.parent / "pip"
    if made.exists():
        return str(made / "bin" / "python")
    try:
        _run(job, [job.on.python, "-m", "venv", str(made)], job.folder, "bring pip to")
    except LaunchError as error:
        raise LaunchError(
            f"there is neither uv nor pip to build {job.whose} with; install one of them: pip install uv, or "
            f"{shlex.quote(job.on.python)} -m ensurepip"
        ) from error
    return str(made / "bin" / "python")


def versions(job: Job) -> dict[str, str]:
    """The distributions that the side's environment sees, versions by normalised name. Raises LaunchError."""
    try:
        answer = subprocess.run(
            [job.python, "-c", _VERSIONS],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
            cwd=job.folder,
            env=_environment(job),
        ).stdout
        return {normal(name): version for name, version in json.loads(answer).items()}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LaunchError(f"the environment made for {job.whose} does not start: {error}") from error


def _environment(job: Job) -> dict[str, str]:
    ours = {name: value for name, value in without_git(os.environ).items() if name not in _ELSEWHERE}
    # What a build that is killed leaves lying about goes with the side.
    temporary = job.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return {**ours, "TMPDIR": str(temporary), **job.variables}


def _run(job: Job, command: Sequence[str], folder: Path, to: str) -> None:
    log = job.folder / "build.log"
    before = log.stat().st_size if log.exists() else 0
    # In a group of its own, and watched: the compilers it started end with it, whatever ends us.
    process = LiveProcess(command, guard=job.guard, environment=_environment(job), log=log, folder=folder)
    try:
        while (status := process.wait(3600.0)) is None:
            pass
    finally:
        process.end()
    if status:
        lines = log.read_bytes()[before:].decode(errors="replace").strip().splitlines()
        head = f"cannot {to} {job.whose}: {exit_reason(status)}"
        raise LaunchError("\n  ".join([head, f"$ {shlex.join(command)}", *complaint(lines)]))
