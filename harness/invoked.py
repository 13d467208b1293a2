"""The command line that a person can type next: through nox, as the script, or as the module.

Advice names a command in the form in which this process was started, because only that form is known to work.
"""

from __future__ import annotations

import os
import sys
from pathlib import PurePath

SCRIPT = "tipbench"
NOX_VARIABLE = "TIPBENCH_NOX"
"""Set by the sessions of this project's noxfile: nox itself also runs in repositories that have no such sessions."""

NOX_SESSIONS = frozenset({"bench", "report", "compare", "trend", "gate", "selftest", "tune"})
"""The commands that the noxfile has a session for."""


def program() -> str:
    """``tipbench`` if that was typed, else ``python -m harness``."""
    return SCRIPT if PurePath(sys.argv[0]).stem == SCRIPT else "python -m harness"


def advised(command: str) -> str:
    """A command with its arguments, ``bench --budget 5m`` say, as it can be typed."""
    name, _, arguments = command.partition(" ")
    if os.environ.get(NOX_VARIABLE) and name in NOX_SESSIONS:
        return f"nox -s {name} -- {arguments}" if arguments else f"nox -s {name}"
    return f"{program()} {command}"
