"""Why a gate decided what it did, as data; the report has the words.

A ``shift`` is a log ratio of head to base, ``units`` the pairs of processes that showed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from harness.model.side import Side


class NotCompared(Enum):
    """Why a case or a variant is not compared."""

    SKIPPED = auto()
    FILE_SKIPPED = auto()
    GONE = auto()
    HEAD_SKIPS = auto()
    HEAD_CANNOT_RUN = auto()
    CASE_NOT_UNDER_HEADS_FILE = auto()
    VARIANT_NOT_UNDER_HEADS_FILE = auto()
    HEAD_FAILED = auto()
    BASE_CANNOT_IMPORT = auto()
    BASE_CANNOT_RUN = auto()
    NEW_CASE = auto()
    NEW_VARIANT = auto()
    SKIPPED_IN_BASE = auto()
    OTHER_TASK = auto()
    NOT_REACHED = auto()
    NOT_MEASURED = auto()


@dataclass(frozen=True, slots=True)
class Uncompared:
    """It is not compared; ``detail`` is what a side reported. ``stored``: base is a stored run."""

    why: NotCompared
    detail: str = ""
    stored: bool = False


@dataclass(frozen=True, slots=True)
class SideStopped:
    """A side failed, hung, or gave a wrong result; ``error`` is its last message."""

    side: Side
    error: str
    stored: bool = False


@dataclass(frozen=True, slots=True)
class LooksAhead:
    """The next numbers of units at which a decision may be *unchanged* or *regressed*; None for no more."""

    unchanged: int | None
    regressed: int | None


@dataclass(frozen=True, slots=True)
class StillOpen:
    """No look has decided it yet."""

    units: int
    ahead: LooksAhead


@dataclass(frozen=True, slots=True)
class BeyondTolerated:
    """The signed-rank test puts it beyond what is tolerated: ``p`` is at most the ``level`` of that look."""

    shift: float
    p: float
    level: float
    units: int


@dataclass(frozen=True, slots=True)
class ClearlySlower:
    """Student's t puts it beyond a slow-down that is clear: ``p`` is at most the ``level`` of that look."""

    shift: float
    p: float
    level: float
    units: int


@dataclass(frozen=True, slots=True)
class BelowTarget:
    """The trimmed t test puts it below most of the target: ``most`` is its upper bound, a log ratio."""

    shift: float
    most: float
    units: int


@dataclass(frozen=True, slots=True)
class NeitherShown:
    """The last look showed it neither below nor beyond the target."""

    shift: float
    units: int


@dataclass(frozen=True, slots=True)
class TooFewInvocations:
    """The runs have fewer invocations than a decision without pairs needs on both sides."""

    base: int
    head: int
    needed: int


@dataclass(frozen=True, slots=True)
class BeyondDrift:
    """The rank-sum test puts it beyond what is tolerated and the ``drift`` of either run, a log ratio."""

    shift: float
    p: float
    drift: float


@dataclass(frozen=True, slots=True)
class WithinDrift:
    """It is below the target by more than the ``drift`` of either run."""

    shift: float
    drift: float


@dataclass(frozen=True, slots=True)
class LostInDrift:
    """The runs drifted too far to tell; about ``units`` pairs would."""

    shift: float
    drift: float
    units: int


@dataclass(frozen=True, slots=True)
class ReasonText:
    """A reason that is only carried: read from a file, where reasons are in words."""

    text: str


GateReason = (
    Uncompared
    | SideStopped
    | StillOpen
    | BeyondTolerated
    | ClearlySlower
    | BelowTarget
    | NeitherShown
    | TooFewInvocations
    | BeyondDrift
    | WithinDrift
    | LostInDrift
    | ReasonText
)


@dataclass(frozen=True, slots=True)
class GateOutlook:
    """A decision that is not likely to be made: it needs about ``units``, and ``most`` are allowed.

    ``more`` says that it needs more than ``units``. ``target`` is the smallest that could be decided, as a
    share; None where it would let too much pass. ``loader`` says which of the two targets that is.
    """

    units: int
    most: int
    more: bool = False
    target: float | None = None
    loader: bool = False
