"""The installing that a side needs: an environment on an interpreter, and projects built into it with uv."""

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

from harness.gate.builds.error_lines import error_lines
from harness.gate.builds.import_hook import install
from harness.gate.builds.interpreter import Interpreter
from harness.gate.builds.project import Project, named, normal, satisfied
from harness.gate.builds.repository import without_git
from harness.gate.builds.siblings import Sibling
from harness.processes.launch import LaunchError
from harness.processes.live import LiveProcess, Reaper, exit_reason

_OTHER_ENVIRONMENT = frozenset({
    "CONDA_PREFIX", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX",
})  # fmt: skip
"""Variables that would have uv work on another environment than the one that is named."""

_VERSIONS = """
import importlib.metadata, json
found = {}
for distribution in importlib.metadata.distributions():
    if distribution.metadata and distribution.metadata["Name"]:
        found.setdefault(distribution.metadata["Name"], distribution.version)
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Job:
    """An environment to be made in ``folder``; ``whose`` names its side in messages, ``variables`` are that
    side's."""

    whose: str
    folder: Path
    on: Interpreter
    variables: Mapping[str, str]
    guard: Reaper

    @property
    def python(self) -> str:
        """The interpreter of the environment."""
        return str(self.folder / "env" / "bin" / "python")


def uv(whose: str) -> list[str]:
    """The command of uv: the module that is installed here, or the program on PATH. Raises LaunchError for
    neither."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-P", "-m", "uv"]
    if found := shutil.which("uv"):
        return [found]
    raise LaunchError(
        f"uv, which builds {whose}, is not installed; install it with {shlex.quote(sys.executable)} -m pip install uv, "
        'or with the harness: "tipbench[gate]"'
    )


def make_environment(job: Job) -> Path:
    """Make an environment that sees all packages of the interpreter it is on, and give its site-packages.

    Raises LaunchError.
    """
    made = job.folder / "env"
    _run(
        job, [job.on.python, "-m", "venv", "--without-pip", str(made)], job.folder, "make an environment for"
    )
    packages = next(made.glob("lib/python*/site-packages"), None)
    if packages is None:
        raise LaunchError(f"{job.on.python} made an environment without site-packages for {job.whose}")
    install(packages, behind=job.on.sites)
    return packages


def build(job: Job, project: Project, constraints: Path | None, besides: Collection[str] = ()) -> None:
    """Build a project and install it into the side's environment.

    Without constraints nothing else is installed. With them, its dependencies are installed first, so that it
    is built in the presence of what it runs with; all but the distributions ``besides``, which are there.
    Raises LaunchError with the command and its errors.
    """
    command = [*uv(job.whose), "pip", "install", "--python", job.python]
    # uv looks for the project's own settings of uv from the folder that it runs in.
    folder = project.folder if project.folder.is_dir() else project.folder.parent
    isolated = not satisfied(project.build_requirements, versions(job))
    # Nothing is isolated where all that the build needs is there: extensions are built against the torch in
    # use.
    how = [] if isolated else ["--no-build-isolation"]
    if constraints is None:
        how += ["--no-deps"]
    elif project.dependencies is None:  # only a build states them
        how += ["--constraint", str(constraints)]
    else:
        if needed := [text for text in project.dependencies if named(text) not in besides]:
            _run(
                job,
                [*command, "--constraint", str(constraints), *needed],
                folder,
                "install the dependencies of",
            )
        how += ["--no-deps"]
    if not isolated and "--no-deps" in how:  # it needs nothing from a cache, and shall leave nothing there
        how += ["--no-cache"]
    _run(job, [*command, *how, str(project.folder)], folder, "build")


def contents(packages: Path, sibling: Sibling) -> str:
    """A digest of a sibling: of the files that were installed, or of those that are on the path."""
    for distribution in distributions(path=[str(packages)]):
        if normal(distribution.metadata["Name"]) == sibling.name:
            files = [(str(file), Path(str(file.locate()))) for file in distribution.files or ()]
            break
    else:
        files = [(str(file.relative_to(sibling.folder)), file) for file in sibling.folder.rglob("*.py")]
    # What the installer records of the origin differs between equal contents.
    lines = [
        f"{name}={_sha256(file)}"
        for name, file in files
        if not re.search(r"\.dist-info|\.pyc$", name) and file.is_file()
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest()


def digest_of(constraints: Path | None) -> str:
    """A digest of a file of constraints; empty if there is none."""
    return "" if constraints is None else _sha256(constraints)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


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
    ours = {name: value for name, value in without_git(os.environ).items() if name not in _OTHER_ENVIRONMENT}
    # What a killed build leaves in its temporary folder is removed with the side.
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
        raise LaunchError("\n  ".join([head, f"$ {shlex.join(command)}", *error_lines(lines)]))
