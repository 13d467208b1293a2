"""The interpreters that arms are built on."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from harness.launch import LaunchError, check_interpreter
from harness.model import Arm

_ASK = """
import importlib.util, json, os, sys
sites = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
pip = importlib.util.find_spec("pip") is not None
torch = importlib.util.find_spec("torch")
compiled = bool(torch and torch.origin and os.path.exists(importlib.util.cache_from_source(torch.origin)))
print(json.dumps([sys.executable, sys.prefix, list(sys.version_info[:3]), sites, pip, compiled]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python: what to start, the environment it belongs to, where that keeps its packages, whether pip is there.

    ``compiled`` is whether torch was imported, or compiled, before: if not, its bytecode may have no place there.
    """

    python: str
    prefix: str
    version: str
    sites: tuple[str, ...]
    pip: bool
    compiled: bool

    @property
    def identity(self) -> str:
        """Equal for two names of the same environment."""
        return f"{self.prefix} ({self.version})"


def interpreter(named: str | None, arm: Arm) -> Interpreter:
    """The interpreter of that name, which can measure, or our own. Raises LaunchError."""
    if named is None:
        return _ask(sys.executable)
    try:
        return _ask(check_interpreter(named))
    except LaunchError as error:
        raise LaunchError(str(error).replace("--python", f"--{arm}-python", 1)) from error


def _ask(python: str) -> Interpreter:
    try:
        answer = subprocess.run(
            [python, "-c", _ASK], capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL
        ).stdout
        executable, prefix, version, sites, pip, compiled = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LaunchError(f"{python} does not say where its packages are: {error}") from error
    return Interpreter(executable, prefix, ".".join(map(str, version)), tuple(sites), pip, compiled)
