"""The timeline of a run while it goes on: cases split into stages, spans in the order of their ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.bench.timeline import TimelineRecorder, stages
from harness.model import Activity, Measurement, Span, Status, Trial
from harness.store.timeline import TIMELINE_FILE, read_timeline

CASE = "a.py::bench_a"
WHOLE = Span(3, Activity.ROUNDS, 100.0, 110.0, CASE, 2)
MEASURED = Measurement(
    CASE,
    "A",
    2,
    trials=(Trial("baseline", warmup_seconds=1.5), Trial("tip", warmup_seconds=0.5)),
    blocks=((105.0, 106.0), (106.0, 108.5)),
)


def split(measurement: Measurement) -> list[tuple[Activity, float, float]]:
    """The stages of the case by that measurement."""
    found = list(stages(WHOLE, measurement))
    assert all((each.process, each.case, each.invocation) == (3, CASE, 2) for each in found)
    return [(each.activity, each.begin, each.end) for each in found]


def test_a_case_is_split_into_its_stages() -> None:
    """Rounds from the first block to the last, warm-up right before them, set-up before that, teardown
    after."""
    assert split(MEASURED) == [
        (Activity.SET_UP, 100.0, 103.0),
        (Activity.WARM_UP, 103.0, 105.0),
        (Activity.ROUNDS, 105.0, 108.5),
        (Activity.ENDING, 108.5, 110.0),
    ]


def test_what_follows_the_rounds_is_weighing_where_memory_was_read() -> None:
    """A peak in the trials says that the memory pass came after the blocks."""
    weighed = replace(MEASURED, trials=(replace(MEASURED.trials[0], exact={"peak_bytes": 1.0}),))
    assert split(weighed)[-1] == (Activity.WEIGHING, 108.5, 110.0)


def test_stages_never_leave_the_case() -> None:
    """Warm-ups that add up to more than there was, and blocks past the end, are cut to the case."""
    long = replace(MEASURED, trials=(Trial("baseline", warmup_seconds=60.0),), blocks=((104.0, 200.0),))
    assert split(long) == [(Activity.WARM_UP, 100.0, 104.0), (Activity.ROUNDS, 104.0, 110.0)]


def test_a_case_without_blocks_was_set_up() -> None:
    """What failed before its first block has one stage."""
    failed = Measurement(CASE, "A", 2, Status.FAILED, "boom")
    assert split(failed) == [(Activity.SET_UP, 100.0, 110.0)]


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    """A measured case waits for its measurement; one whose process died was set up; the end is the run's."""
    recorder = TimelineRecorder(tmp_path, 90.0)
    imported = Span(3, Activity.IMPORT, 91.0, 99.0)
    recorder.add(imported)
    recorder.add(WHOLE)
    recorder.add(replace(WHOLE, case="b.py::bench_b", begin=110.0, end=111.0))
    recorder.measured([MEASURED])
    recorder.add(Span(3, Activity.ENDING, 111.0, 112.0, "", 2))
    recorder.end(113.0)
    found = read_timeline(tmp_path / TIMELINE_FILE, [])
    assert (found.start, found.end, found.seconds) == (90.0, 113.0, 23.0)
    assert found.spans[0] == imported
    assert [(each.activity, each.case) for each in found.spans[1:]] == [
        (Activity.SET_UP, CASE),
        (Activity.WARM_UP, CASE),
        (Activity.ROUNDS, CASE),
        (Activity.ENDING, CASE),
        (Activity.SET_UP, "b.py::bench_b"),
        (Activity.ENDING, ""),
    ]


def test_a_timeline_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    """It is a note, once."""
    notes: list[str] = []
    (tmp_path / TIMELINE_FILE).mkdir()
    recorder = TimelineRecorder(tmp_path, 90.0, notes.append)
    recorder.add(WHOLE)
    recorder.measured([MEASURED])
    recorder.end(113.0)
    assert len(notes) == 1
    assert "no timeline" in notes[0]
