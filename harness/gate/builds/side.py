"""What is asked of a side, and what comes of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.model import Side
from harness.processes.launch import BACK_VARIABLE, FRONT_VARIABLE
from harness.processes.live import CHANNEL_VARIABLE


class NothingToCompare(HarnessError):
    """The sides cannot be compared, or are the same; the message says in what."""


class NothingChanged(NothingToCompare):
    """Nothing that is under test differs between the two revisions; the message says what does, if anything."""


class BenchmarksRemoved(NothingToCompare):
    """Nothing that is under test differs, and head lacks ``functions``, benchmarks of base's (``path::function``)."""

    def __init__(self, message: str, functions: Sequence[str]) -> None:
        super().__init__(message)
        self.functions = tuple(functions)


@dataclass(frozen=True, slots=True)
class SideSpec:
    """What was asked of a side: a revision, an interpreter, variables; nothing of it is as it is here."""

    rev: str | None = None
    python: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SideEnv:
    """A side that can be measured.

    ``label`` is for people. ``python`` is the interpreter to start; ``environment`` is to be added to a
    measuring process's own. ``home`` holds everything that was made for the side. A side with a revision has a
    ``tree``, its checkout, and in it a ``project``, the folder that the pyproject.toml in use is in. ``lent``
    says that the interpreter is not ours and needs `harness.processes.launch.borrow_packages`.
    ``interpreter`` is the prefix and version of the one that the side is built on, ``shown`` the variables
    that were asked for, ``pins`` a digest of the constraints that it was installed under, ``siblings``
    digests of the projects that were built with it, by name.
    """

    side: Side
    label: str
    python: str
    environment: Mapping[str, str]
    home: Path
    tree: Path | None = None
    project: Path | None = None
    lent: bool = False
    interpreter: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)
    pins: str = ""
    siblings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def variables_from(pairs: Sequence[str], flag: str) -> dict[str, str]:
    """Variables as they are typed behind a flag, ``NAME=VALUE``. Raises UsageError that names the flag."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or "\0" in value:
            raise UsageError(f"{flag}: {pair!r} is not a variable (example: OMP_NUM_THREADS=1)")
        if name in _OURS:
            raise UsageError(f"{flag} {name}: the gate sets it itself, to the same on both sides")
        if found.setdefault(name, value) != value:
            raise UsageError(f"{flag} {name} is set to {found[name]!r} and to {value!r}; give it once")
    return found


_OURS = frozenset({"PYTHONHASHSEED", "PYTHONSAFEPATH", FRONT_VARIABLE, BACK_VARIABLE, CHANNEL_VARIABLE})


def same_variables(base: Mapping[str, str], head: Mapping[str, str]) -> bool:
    """Whether processes with these added to our own environment would see no difference."""
    return all(base.get(name, os.environ.get(name)) == head.get(name, os.environ.get(name)) for name in {*base, *head})
