"""Notes on a gate in words."""

from __future__ import annotations

from harness.model import GateNote, GateResult, NoteCode
from harness.plural import counted
from harness.report.format import duration

_TEXTS = {
    NoteCode.INTERRUPTED: "interrupted: what was not decided by then is inconclusive",
    NoteCode.BUDGET_USED: "the time budget of {budget} was used up before everything was decided",
    NoteCode.ENDED_EARLY: "{end}: what was not measured by then was not reached",
    NoteCode.BASE_NOT_COLLECTED: "the cases of base's own revision could not be collected: {detail}",
    NoteCode.BASE_FILE_UNREADABLE: (
        "a file of base's benchmarks cannot be read, so that nothing in it counts as new: {detail} (in {subject})"
    ),
    NoteCode.BASE_WITHOUT_BENCHMARKS: (
        "{subject} has no benchmarks in {detail}: those of head that it cannot run are new"
    ),
    NoteCode.LAUNCHES_NOT_COUNTED: "launches could not be counted: {detail}",
    NoteCode.NOT_PROFILED: "what regressed could not be profiled: {detail}",
    NoteCode.NO_LAUNCHES_OF: "no launches of {subject}: {detail}",
    NoteCode.NO_PROFILE_OF: "no profile of {subject}: {detail}",
    NoteCode.NO_TIME_TO_COUNT: "no time was left to count launches",
    NoteCode.NO_TIME_TO_PROFILE: "no time was left to profile {regressions}",
    NoteCode.STORED_RUN: "the stored run: {detail}",
    NoteCode.TEXT: "{detail}",
}


def note_text(note: GateNote) -> str:
    """A note as one line."""
    return _TEXTS[note.code].format(
        subject=note.subject,
        detail=note.detail,
        end=note.end,
        budget=duration(note.seconds, exact=True),
        regressions=counted(note.count, "other regression") if note.count else "what regressed",
    )


def notes_text(result: GateResult) -> tuple[str, ...]:
    """All notes on a gate, a line each; first why nothing was measured, if nothing was."""
    return tuple(filter(None, (result.unchanged, *map(note_text, result.notes))))
