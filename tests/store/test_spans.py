"""A run's timeline on disk: what a file of another build or a killed run holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.model import Activity, Span, Timeline
from harness.store import StoreError, load
from harness.store.timeline import TIMELINE_FILE, TimelineWriter, read_timeline
from tests.support.saved import claim, measurements_of, save

LINE: dict[str, object] = {
    "record": "span",
    "process": 1,
    "activity": "import",
    "begin": 1.0,
    "end": 2.0,
    "case": "",
    "invocation": 0,
}
"""A span as it is written."""


def test_a_run_without_a_timeline_loads(tmp_path: Path) -> None:
    """Earlier versions wrote none: it is empty."""
    folder = save(tmp_path / "run", [claim("A1")], measurements_of(claim("A1"), "", 1, tip=1e-3))
    assert load(folder).timeline == Timeline()


def test_a_run_loads_with_its_timeline(tmp_path: Path) -> None:
    """A killed run has no end: it is that of the last span. What a later version adds is passed over."""
    folder = save(tmp_path / "run", [claim("A1")], measurements_of(claim("A1"), "", 1, tip=1e-3))
    writer = TimelineWriter(folder, 5.0)
    span = Span(1, Activity.IMPORT, 6.0, 9.5)
    writer.span(span)
    with (folder / TIMELINE_FILE).open("a", encoding="utf-8") as file:
        later = {**LINE, "activity": "dreaming"}
        file.write(json.dumps(later) + "\n" + json.dumps({"record": "remark"}) + "\n")
    assert load(folder).timeline == Timeline(5.0, 9.5, (span,))


@pytest.mark.parametrize(
    "changed",
    [
        {"begin": 7.0, "end": 6.0},
        {"begin": "x"},
        {"end": 1e999},
        {"process": None},
        {"record": "timeline", "schema": 99, "start": 0.0},
    ],
)
def test_what_is_malformed_names_file_and_line(tmp_path: Path, changed: dict[str, object]) -> None:
    """A span that ends before it begins, what is no number, and a later schema are errors."""
    path = tmp_path / TIMELINE_FILE
    first: dict[str, object] = {"record": "timeline", "schema": 1, "start": 0.0}
    lines = (json.dumps(each) for each in (first, LINE | changed))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"timeline\.jsonl:2"):
        read_timeline(path, [])


def test_what_a_line_lacks_is_named(tmp_path: Path) -> None:
    """An object that is not a record is an error that says what it has not."""
    path = tmp_path / TIMELINE_FILE
    first = {"record": "timeline", "schema": 1, "start": 0.0}
    path.write_text(f'{json.dumps(first)}\n{{"x": 1}}\n', encoding="utf-8")
    with pytest.raises(StoreError, match=r":2 is not a record of ours \(it has no 'record'\)"):
        read_timeline(path, [])
