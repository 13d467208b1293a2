"""The command line that a person can type next: through nox, as the script, or as the module.

Advice names a command in the form in which this process was started, because only that form is known to work.
The module is another one where the working folder has a package ``harness`` of its own: there advice names
the script.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

SCRIPT = "tipbench"
NOX_VARIABLE = "TIPBENCH_NOX"
"""Set by the sessions of this project's noxfile: nox itself also runs in repositories that have no such
sessions."""

NOX_SESSIONS = frozenset({"bench", "report", "compare", "trend", "gate", "selftest", "tune", "ceilings"})
"""The commands that the noxfile has a session for."""


def program() -> str:
    """``tipbench`` if that was typed, or if the module would be another one here, else ``python -m
    harness``."""
    return SCRIPT if PurePath(sys.argv[0]).stem == SCRIPT or shadowed(Path()) else "python -m harness"


def shadowed(folder: Path) -> bool:
    """Whether ``python -m harness`` in this folder runs a package or module of that name which is not this
    one."""
    own = Path(__file__).resolve().parent
    package, module = folder / "harness", folder / "harness.py"
    return module.is_file() if not (package / "__init__.py").is_file() else package.resolve() != own


def advised(command: str) -> str:
    """A command with its arguments, ``bench --budget 5m`` for example, as it can be typed."""
    name, _, arguments = command.partition(" ")
    if os.environ.get(NOX_VARIABLE) and name in NOX_SESSIONS:
        return f"nox -s {name} -- {arguments}" if arguments else f"nox -s {name}"
    return f"{program()} {command}"
