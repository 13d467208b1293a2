"""Notes on a gate as a whole, as data; the report has the words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from harness.model.run_end import EndReason


class NoteCode(Enum):
    """What a note is about."""

    INTERRUPTED = auto()
    BUDGET_USED = auto()
    ENDED_EARLY = auto()
    BASE_NOT_COLLECTED = auto()
    BASE_FILE_UNREADABLE = auto()
    BASE_WITHOUT_BENCHMARKS = auto()
    LAUNCHES_NOT_COUNTED = auto()
    NOT_PROFILED = auto()
    NO_LAUNCHES_OF = auto()
    NO_PROFILE_OF = auto()
    NO_TIME_TO_COUNT = auto()
    NO_TIME_TO_PROFILE = auto()
    STORED_RUN = auto()
    TEXT = auto()
    """The detail is the whole text: of what builds a side, of the report itself, or of a file."""


@dataclass(frozen=True, slots=True)
class GateNote:
    """A note on a gate.

    ``subject`` names what it is about: base's revision, or a case and its variant. ``detail`` is the error,
    or a text that is only carried. ``seconds`` is the time budget, ``count`` how many regressions are left
    without a profile, ``end`` why a stored run's gate took no more.
    """

    code: NoteCode
    subject: str = ""
    detail: str = ""
    seconds: float = 0.0
    count: int = 0
    end: EndReason | None = None


def text_notes(notes: Iterable[str]) -> tuple[GateNote, ...]:
    """Notes that are in words already."""
    return tuple(GateNote(NoteCode.TEXT, detail=note) for note in notes)
