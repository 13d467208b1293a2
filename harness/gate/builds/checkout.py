"""What a side is made from: the revision that was checked out for it, and everything else that was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.gate.builds.interpreter import Interpreter
from harness.gate.builds.repository import PathChange, Revision
from harness.gate.builds.side import SideSpec
from harness.gate.configuration import Configuration
from harness.model import Side


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
        """Whether both hold the same files, as far as that is known without looking into them."""
        return self.revision.tree == other.revision.tree and not self.changes and not other.changes


@dataclass(frozen=True, slots=True)
class BothSources:
    """Both sides before they are built.

    ``checkouts`` and ``trees``, the folders that they were made in, are empty where no revision was asked for.
    ``top`` is the first folder of the repository. ``below`` is where in a tree the project is: the folder that the
    pyproject.toml in use is in. ``notes`` is what people should know of the checkouts.
    """

    wanted: Mapping[Side, SideSpec]
    on: Mapping[Side, Interpreter]
    configuration: Configuration
    checkouts: Mapping[Side, Checkout] = field(default_factory=dict)
    trees: Mapping[Side, Path] = field(default_factory=dict)
    top: Path = Path()
    below: Path = Path()
    notes: tuple[str, ...] = ()
