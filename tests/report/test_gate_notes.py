"""Notes on a gate in words."""

from __future__ import annotations

import pytest

from harness.model import EndReason, GateNote, NoteCode, text_notes
from harness.report.builders.gate_records import document, result_from
from harness.report.gate_notes import note_text, notes_text
from tests.support.gated import result

WORDS = [
    (GateNote(NoteCode.INTERRUPTED), "interrupted: what was not decided by then is inconclusive"),
    (
        GateNote(NoteCode.BUDGET_USED, seconds=1500.0),
        "the time budget of 25 min was used up before everything was decided",
    ),
    (
        GateNote(NoteCode.ENDED_EARLY, end=EndReason.BUDGET_USED),
        f"{EndReason.BUDGET_USED}: what was not measured by then was not reached",
    ),
    (
        GateNote(NoteCode.BASE_NOT_COLLECTED, detail="no {torch}"),
        "the cases of base's own revision could not be collected: no {torch}",
    ),
    (
        GateNote(NoteCode.BASE_FILE_UNREADABLE, "main (1a2b3c4)", "bench_a.py: invalid syntax"),
        "a file of base's benchmarks cannot be read, so that nothing in it counts as new: "
        "bench_a.py: invalid syntax (in main (1a2b3c4))",
    ),
    (
        GateNote(NoteCode.BASE_WITHOUT_BENCHMARKS, "main (1a2b3c4)", "benchmarks"),
        "main (1a2b3c4) has no benchmarks in benchmarks: those of head that it cannot run are new",
    ),
    (GateNote(NoteCode.LAUNCHES_NOT_COUNTED, detail="lost"), "launches could not be counted: lost"),
    (GateNote(NoteCode.NOT_PROFILED, detail="lost"), "what regressed could not be profiled: lost"),
    (GateNote(NoteCode.NO_LAUNCHES_OF, "a.py::b tip", "boom"), "no launches of a.py::b tip: boom"),
    (GateNote(NoteCode.NO_PROFILE_OF, "a.py::b tip", "boom"), "no profile of a.py::b tip: boom"),
    (GateNote(NoteCode.NO_TIME_TO_COUNT), "no time was left to count launches"),
    (GateNote(NoteCode.NO_TIME_TO_PROFILE), "no time was left to profile what regressed"),
    (GateNote(NoteCode.NO_TIME_TO_PROFILE, count=2), "no time was left to profile 2 other regressions"),
    (GateNote(NoteCode.STORED_RUN, detail="it was throttled"), "the stored run: it was throttled"),
    (GateNote(NoteCode.TEXT, detail="as it is"), "as it is"),
]


@pytest.mark.parametrize(("note", "words"), WORDS, ids=lambda each: str(getattr(each, "code", "")))
def test_every_note_has_words(note: GateNote, words: str) -> None:
    """With what it is about; an error stands in it as it is."""
    assert note_text(note) == words


def test_no_code_is_left_out() -> None:
    """The cases above have each."""
    assert {note.code for note, _ in WORDS} == set(NoteCode)


def test_a_saved_gate_has_its_notes_in_words() -> None:
    """What is read back reads as what was saved, whichever code it had."""
    judged = result(notes=tuple(note for note, _ in WORDS))
    saved = document(judged)
    assert saved["notes"] == [words for _, words in WORDS]
    read = result_from(saved)
    assert read.notes == text_notes(words for _, words in WORDS)
    assert notes_text(read) == notes_text(judged)
