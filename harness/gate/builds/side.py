"""The sides of a gate: what was requested of each, what is checked out for it, and what comes of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.gate.builds.interpreter import Interpreter
from harness.gate.builds.repository import PathChange, Revision
from harness.gate.configuration import Configuration
from harness.model import Side
from harness.processes.launch import BACK_VARIABLE, FRONT_VARIABLE
from harness.processes.live import CHANNEL_VARIABLE


class NothingToCompare(HarnessError):
    """The sides cannot be compared, or are the same; the message names the difference."""


class NothingChanged(NothingToCompare):
    """Nothing that is under test differs between the two revisions; the message names what does, if
    anything."""


class BenchmarksRemoved(NothingToCompare):
    """Nothing that is under test differs, and head lacks ``functions``, benchmarks of base's
    (``path::function``)."""

    def __init__(self, message: str, functions: Sequence[str]) -> None:
        super().__init__(message)
        self.functions = tuple(functions)


@dataclass(frozen=True, slots=True)
class SideSpec:
    """What is requested of a side: a revision, an interpreter, variables. A field left out means as it is
    here."""

    rev: str | None = None
    python: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def label(self, on: Interpreter) -> list[str]:
        """What a side's label has beside its revision."""
        python = [f"{on.python} ({on.version})"] if self.python else []
        return [*python, *(f"{name}={value}" for name, value in self.variables.items())]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A revision, or the working tree with what changed in it since."""

    revision: Revision
    working: bool = False
    changes: tuple[PathChange, ...] = ()

    @property
    def label(self) -> str:
        """For people: ``main (1a2b3c4)``, ``working tree (1a2b3c4 + changes)``."""
        if not self.working:
            return self.revision.label
        return f"working tree ({self.revision.short}{' + changes' if self.changes else ''})"

    def same_files(self, other: Checkout) -> bool:
        """Whether both have the same files, as far as that is known without looking into them."""
        return self.revision.tree == other.revision.tree and not self.changes and not other.changes


@dataclass(frozen=True, slots=True)
class BothSources:
    """Both sides before they are built.

    ``checkouts`` and ``trees``, the folders that they were made in, are empty if no revision was requested.
    ``top`` is the first folder of the repository. ``below`` is where in a tree the project is: the folder of
    the pyproject.toml in use. ``notes`` is what people should know of the checkouts.
    """

    specs: Mapping[Side, SideSpec]
    on: Mapping[Side, Interpreter]
    configuration: Configuration
    checkouts: Mapping[Side, Checkout] = field(default_factory=dict)
    trees: Mapping[Side, Path] = field(default_factory=dict)
    top: Path = Path()
    below: Path = Path()
    notes: tuple[str, ...] = ()

    @property
    def same_runtime(self) -> bool:
        """Whether only a revision can distinguish the sides: their interpreter and variables are equal."""
        base, head = (self.specs[side].variables for side in (Side.BASE, Side.HEAD))
        return self.on[Side.BASE].identity == self.on[Side.HEAD].identity and same_variables(base, head)


@dataclass(frozen=True, slots=True)
class SideEnv:
    """A side that can be measured.

    ``label`` is for people. ``python`` is the interpreter to start; ``environment`` is added to a measuring
    process's own. ``home`` has everything that was made for the side. A side with a revision has a ``tree``,
    its checkout, and in it a ``project``, the folder of the pyproject.toml in use. ``borrows``: the
    interpreter is not ours and needs `harness.processes.launch.borrow_packages`. ``interpreter`` is the
    prefix and version of the one that the side is built on, ``shown`` the variables that were requested,
    ``pins`` a digest of the constraints that it was installed under, ``siblings`` digests of the projects
    that were built with it, by name.
    """

    side: Side
    label: str
    python: str
    environment: Mapping[str, str]
    home: Path
    tree: Path | None = None
    project: Path | None = None
    borrows: bool = False
    interpreter: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)
    pins: str = ""
    siblings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def same_runtime(self, other: SideEnv) -> bool:
        """Whether the packages under test are all that can differ between the two."""
        return (self.interpreter, self.pins, self.siblings) == (
            other.interpreter,
            other.pins,
            other.siblings,
        ) and same_variables(self.shown, other.shown)


def variables_from(pairs: Sequence[str], flag: str) -> dict[str, str]:
    """The variables given behind a flag, each as ``NAME=VALUE``. Raises UsageError that names the flag."""
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
    return all(
        base.get(name, os.environ.get(name)) == head.get(name, os.environ.get(name))
        for name in {*base, *head}
    )
