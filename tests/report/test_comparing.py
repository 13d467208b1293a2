"""A comparison as people see it: golden pages for the terminal and for Markdown, nothing lost at any
width."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.report.builders.comparison import comparison_document
from harness.report.builders.trend import spark
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.environment_diff import environment_diff
from harness.report.render.markdown import markdown
from harness.report.render.terminal import show_document
from tests.support.compared import two_runs


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are shown as they are here, which must be the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def document(tmp_path: Path, utc: None) -> Document:
    """Two runs with all that a comparison can have to tell."""
    return comparison_document(two_runs(tmp_path))


def shown(paper: Document, width: int) -> str:
    """What is printed into a pipe."""
    file = io.StringIO()
    show_document(paper, Console(file=file, width=width))
    return file.getvalue()


def test_runs_that_drifted_have_one_note(tmp_path: Path) -> None:
    """However many rows drifted, and however differently, one footnote states the range."""
    found = two_runs(tmp_path)
    lines = tuple(
        replace(line, difference=replace(line.difference, drift=0.06 + 0.01 * number))
        for number, line in enumerate(found.lines)
    )
    paper = comparison_document(replace(found, lines=lines))
    (note,) = [note for note in paper.footnotes if "drifted" in note]
    assert note.startswith(f"in {len(lines)} rows a run drifted while it was measured, by 6.0% to ")
    number = paper.footnotes.index(note) + 1
    assert sum(number in row.notes for table in paper.tables for row in table.lines) == len(lines)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_nothing_is_lost_at_any_width(document: Document, width: int) -> None:
    """Every cell of every row is there at every width, and no line but the outcome is longer than
    the page."""
    text = shown(document, width)
    *lines, outcome = text.splitlines()
    assert max(map(len, lines)) <= width
    assert outcome == document.outcome
    flat = "".join(text.split())
    for table in document.tables:
        for line in table.lines:
            for column in table.columns:
                if column.rank:
                    assert "".join(line.cells.get(column.name, "").split()) in flat


def test_long_pages_are_cut_and_counted() -> None:
    """A page of Markdown stays below its limit, and says how many rows are not on it."""
    lines = tuple(Row({"case": f"case {n} " + "x" * 80}, {}) for n in range(2000))
    page = markdown(
        Document("t", tables=(Table("all", (Column("case", "case", foreign=True),), lines),)), 50_000
    )
    assert len(page.encode()) <= 50_000
    assert "rows more are left out here" in page


def test_only_differences_are_shown() -> None:
    """Environments are shown by their differences, at any depth; a missing one is left out."""
    one = {"a": {"b": 1, "c": [1, 2]}, "same": 1}
    other = {"a": {"b": 2, "c": [1]}, "same": 1}
    assert [(d.name, d.values) for d in environment_diff([one, other])] == [
        ("a.b", ("1", "2")),
        ("a.c.1", ("2", "absent")),
    ]
    assert environment_diff([one, {}]) == []
    assert environment_diff([one, one, other], {"a"}) == []
    deep: dict[str, object] = {}
    for _ in range(3000):
        deep = {"x": deep}
    assert len(environment_diff([{"d": deep}, {"d": 1}])) >= 1


def test_sparks() -> None:
    """A course as bars: lowest to highest, a blank where nothing is, flat where nothing moves, ASCII on
    demand."""
    assert spark([1.0, 2.0, 4.0]) == "▁▅█"
    assert spark([1.0, None, 4.0], unicode=False) == "1 8"
    assert set(spark([1.0, 1.0001, 1.0])) <= {"▄", "▅"}
    assert spark([None, None]) == ""
    assert len(spark([1.0] * 500)) == 40


def test_code_to_paste_keeps_its_lines() -> None:
    """It stands below the title: indented on a terminal, and in Markdown in a fence that nothing in it
    ends."""
    paper = Document("found", (("speed", "3 a second"),), code="folder = '```'\n\nloader = [\n    1,\n]")
    assert shown(paper, 40).splitlines()[:7] == [
        "found",
        "",
        "    folder = '```'",
        "",
        "    loader = [",
        "        1,",
        "    ]",
    ]
    page = markdown(paper)
    assert page.startswith(
        "## found\n\n````\nfolder = '```'\n\nloader = [\n    1,\n]\n````\n\n- speed: 3 a second\n"
    )


def test_a_title_repeats_its_tone_in_colour() -> None:
    """A title without one is bold alone."""

    def first(paper: Document) -> str:
        file = io.StringIO()
        show_document(paper, Console(file=file, width=40, force_terminal=True, color_system="standard"))
        return file.getvalue().splitlines()[0]

    assert first(Document("found")) == "\x1b[1mfound\x1b[0m"
    assert first(Document("found", tone=Tone.OPEN)) == "\x1b[1;33mfound\x1b[0m"
