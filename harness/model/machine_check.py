"""What was found out about a machine before anything is measured on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Readiness(StrEnum):
    """Whether something that measuring uses is there."""

    READY = "ready"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """One thing that was looked at: what was found, and what to do where it is not all that it could be.

    ``costs`` says what cannot be measured, or is less certain, without it; it and ``remedy`` are empty for
    what is ready.
    """

    name: str
    readiness: Readiness
    found: str
    costs: str = ""
    remedy: str = ""
