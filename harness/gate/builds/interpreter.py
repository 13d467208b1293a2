"""The interpreters that sides are built on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from harness.model import Side
from harness.processes.launch import LaunchError, check_interpreter, printed, why_silent

_SCRIPT = """
import importlib.util, json, os, platform, sys
sites = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
torch = importlib.util.find_spec("torch")
compiled = bool(torch and torch.origin and os.path.exists(importlib.util.cache_from_source(torch.origin)))
markers = {
    "implementation_name": sys.implementation.name,
    "implementation_version": platform.python_version(),
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "python_version": "%d.%d" % sys.version_info[:2],
    "sys_platform": sys.platform,
}
print(json.dumps([sys.executable, sys.prefix, list(sys.version_info[:3]), sites, compiled, markers]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python: what to start, the prefix of its environment, and where that keeps its packages.

    ``compiled`` is whether torch was imported, or compiled, before: if not, its bytecode may have no place
    there. ``markers`` are the values for requirements' markers.
    """

    python: str
    prefix: str
    version: str
    sites: tuple[str, ...]
    compiled: bool
    markers: Mapping[str, str]

    @property
    def identity(self) -> str:
        """Equal for two names of the same environment."""
        return f"{self.prefix} ({self.version})"


def interpreter(named: str | None, side: Side) -> Interpreter:
    """The interpreter of that name, which can measure, or our own. Raises LaunchError."""
    if named is None:
        return _describe(sys.executable)
    return _describe(check_interpreter(named, option=f"--{side}-python"))


def _describe(python: str) -> Interpreter:
    try:
        answer = printed(python, _SCRIPT)
        executable, prefix, version, sites, compiled, markers = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LaunchError(f"{python} does not report where its packages are: {why_silent(error)}") from error
    return Interpreter(executable, prefix, ".".join(map(str, version)), tuple(sites), compiled, markers)
