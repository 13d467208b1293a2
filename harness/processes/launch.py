"""Command lines of measuring processes: this interpreter or the user's own, always the same pytest, nothing
of theirs.

A measuring process runs pytest with our plug-in and no other, with no configuration file, so that a
repository's own settings (coverage, parallel runs) cannot reach into a measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

from harness.claims.asv import asv_root, may_have_asv
from harness.claims.file import PATTERN
from harness.claims.pytest_settings import LEFT_OUT, PytestSettings, pytest_settings
from harness.errors import HarnessError

FRONT_VARIABLE = "TIPBENCH_FRONT"
BACK_VARIABLE = "TIPBENCH_BACK"
RUNNING_VARIABLE = "PYTEST_CURRENT_TEST"
"""Where pytest puts the name of the case that is running."""

BORROWED = (
    "pytest",
    "pluggy",
    "iniconfig",
    "packaging",
    "pygments",
    "psutil",
    "nvidia-ml-py",
    "prefetch_generator",
)
"""Distributions a foreign interpreter may borrow from ours, behind its own: pure Python, or built for any
version."""

_PATHS = (
    "import os, sys\n"
    f"sys.path[0:0] = [p for p in [os.environ.get({FRONT_VARIABLE!r})] if p]\n"
    f"sys.path += [p for p in [os.environ.get({BACK_VARIABLE!r})] if p]\n"
    # Last, so that a folder of theirs with a name of ours, or of what we import, does not take its place.
    "sys.path += [] if os.environ.get('PYTHONSAFEPATH') else [os.getcwd()]\n"
)
# Importing torch makes objects by the hundred thousand, and collections in between look through all of them
# again.
_START = (
    _PATHS
    + """
import atexit, gc
gc.disable()
ended = []

def leave():
    # Python would free what torch brought object by object, which takes most of a second, and Triton would
    # report what is frozen as leaked.
    if ended:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(ended[0])

# First in, last out: what others registered is done by then.
atexit.register(leave)
import pytest
"""
)
_BOOT = (
    _START
    + """
class FromTheRoot:
    # pytest looks for the files it is given from the root; in a whole path it would take brackets for
    # parameters.
    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self):
        os.chdir(here)

here = os.getcwd()
os.chdir(sys.argv[1])
arguments = sys.argv[2:]
if arguments[0] == "--suite":
    # What the tests' environment has for pytest brings their fixtures.
    from importlib.metadata import entry_points
    names = {found.name for found in entry_points(group="pytest11")} - set(arguments[1].split(","))
    arguments[:2] = [word for name in sorted(names) for word in ("-p", name)]
ended.append(int(pytest.main(arguments, plugins=[FromTheRoot()])))
sys.exit(ended[0])
"""
)
_LOADERS = _PATHS + "from harness.tune.server import main\nsys.exit(main())"
_CEILINGS = _PATHS + "from harness.ceilings.serve import main\nsys.exit(main())"

_PROBE = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([list(sys.version_info[:2]), u.find_spec('torch') is not None, sys.executable]))"
)


_ABSENT = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([n for n in sys.argv[1:] if u.find_spec(n) is None]))"
)


class LaunchError(HarnessError):
    """An interpreter that cannot measure; the message has what it lacks."""


def pytest_command(python: str, root: Path, targets: Sequence[str]) -> list[str]:
    """The command that measures the benchmarks in these files, which are under ``root``.

    Raises ValueError if there is none: pytest would collect the working folder, and import the tests there.
    """
    if not targets:
        raise ValueError(f"no benchmark of {root} to start a process for")
    asv = asv_root(root) is not None
    if all(fnmatch(name, PATTERN) or (asv and may_have_asv(name)) for name in map(_name, targets)):
        top, options = root, ["-c", os.devnull, "--rootdir", str(root)]
    else:
        found = pytest_settings(root)
        top, options = found.folder, ["--suite", ",".join(LEFT_OUT), *suite_options(found)]
    return [
        python, "-P", "-c", _BOOT, str(top), *options, "--harness-root", str(root),
        "--confcutdir", str(repository_of(root)),
        "-p", "harness.plugin", "-p", "no:cacheprovider", "-p", "no:faulthandler",
        # What a process prints goes to its log, also where it is killed before pytest could hand it on.
        "--capture=no",
        "--continue-on-collection-errors", "-q", "--no-header",
        *(f"./{Path(target).relative_to(top).as_posix()}" for target in targets),
    ]  # fmt: skip


def _name(target: str) -> str:
    return Path(target).name


def suite_options(found: PytestSettings) -> list[str]:
    """Options under which a repository's own tests are found as it has set them up, one after the other.

    Recorded warnings would make each call longer than the last: they are left to Python.
    """
    return [
        "-c", str(found.file or os.devnull), "--rootdir", str(found.folder),
        "-o", "addopts=", "-o", "required_plugins=", "-o", "filterwarnings=",
        "-o", "strict_markers=false", "-o", "strict_config=false", "-p", "no:warnings", *found.options,
    ]  # fmt: skip


def repository_of(folder: Path) -> Path:
    """The repository that a folder is in, above which there is nothing to load: by git, else by a project's
    files."""
    places = (folder, *folder.parents)
    for names in ((".git",), ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini")):
        for place in places:
            if any((place / name).exists() for name in names):
                return place
    return folder


def loader_command(python: str) -> list[str]:
    """The command that starts a loader process."""
    return [python, "-P", "-c", _LOADERS]


def ceilings_command(python: str) -> list[str]:
    """The command that measures what nothing beats on this machine."""
    return [python, "-P", "-c", _CEILINGS]


def measuring_environment(borrowed: Path | None = None) -> dict[str, str]:
    """The environment of a measuring process; ``borrowed`` is what `borrow_packages` made for a foreign
    interpreter."""
    # Kineto would print lines about every profile; it reads its level when torch is imported.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "KINETO_LOG_LEVEL": "99"}
    environment.pop("PYTEST_ADDOPTS", None)
    environment.pop("PYTEST_PLUGINS", None)
    environment.pop(RUNNING_VARIABLE, None)
    package = Path(__file__).resolve().parents[1]
    if borrowed is not None:
        environment |= {FRONT_VARIABLE: str(borrowed / "front"), BACK_VARIABLE: str(borrowed / "back")}
    elif FRONT_VARIABLE not in environment and not _installed(package):
        # Run from a checkout: the child's working folder need not be ours.
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(package.parent), environment.get("PYTHONPATH", "")])
        )
    return environment


def _installed(package: Path) -> bool:
    return package.parent.name in ("site-packages", "dist-packages")


def check_interpreter(python: str, needed: Sequence[str] = (), *, option: str = "--python") -> str:
    """The absolute path of an interpreter that can measure. Raises LaunchError with what is wrong and what to
    do.

    ``needed`` are modules that it must have beside torch; ``option`` is the one that named it.
    """
    try:
        version, has_torch, executable = json.loads(printed(python, _PROBE))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LaunchError(f"{option} {python} is not a Python that starts: {why_silent(error)}") from error
    if tuple(version) < (3, 11):
        raise LaunchError(
            f"{option} {python} is Python {version[0]}.{version[1]}; measuring needs 3.11 or later"
        )
    if not has_torch:
        raise LaunchError(f"{option} {python} has no torch; install it there, or name another interpreter")
    if needed:
        try:
            absent = [str(name) for name in json.loads(printed(python, _ABSENT, *needed))]
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise LaunchError(
                f"{option} {python} cannot be asked for its modules: {why_silent(error)}"
            ) from error
        if absent:
            names = ", ".join(_DISTRIBUTIONS.get(name, name) for name in absent)
            raise LaunchError(
                f"{option} {python} has no {names}; install it there, or name another interpreter"
            )
    return str(executable)


def why_silent(error: Exception) -> str:
    """What went wrong with an interpreter, without the program that it was given."""
    match error:
        case subprocess.CalledProcessError():
            lines = str(error.stderr or "").strip().splitlines()
            last = f": {lines[-1]}" if lines else ""
            return f"it ended with status {error.returncode}{last}"
        case subprocess.TimeoutExpired():
            return f"it gave no answer in {error.timeout:g} s"
        case OSError():
            return error.strerror or str(error)
        case ValueError():
            return "what it prints is not what a Python would"
    return str(error)


_DISTRIBUTIONS = {"PIL": "Pillow"}
"""What to install for a module, where it is not called the same."""


def printed(python: str, script: str, *arguments: str) -> str:
    """What an interpreter prints when it runs a script. Raises OSError and SubprocessError."""
    return subprocess.run(
        [python, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONSAFEPATH": "1",
        },  # a folder called torch is not torch, a json.py is not json
    ).stdout


def borrow_packages(folder: Path) -> Path:
    """Make a folder of links through which a foreign interpreter finds this harness and, behind its own, our
    pytest."""
    front, back = folder / "front", folder / "back"
    front.mkdir(parents=True)
    back.mkdir()
    (front / "harness").symlink_to(Path(__file__).resolve().parents[1])
    for name in BORROWED:
        for top in sorted(
            {path.parts[0] for path in _files(name) if path.parts[0] not in ("..", "__pycache__")}
        ):
            source = Path(str(metadata.distribution(name).locate_file(top)))
            if source.exists() and not (back / top).exists():
                (back / top).symlink_to(source)
    return folder


def _files(name: str) -> list[metadata.PackagePath]:
    try:
        return list(metadata.distribution(name).files or [])
    except metadata.PackageNotFoundError:
        return []
