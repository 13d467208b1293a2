"""The report of a run's timeline: how its time divides, what each process did, as text and as a figure."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from bokeh.embed import json_item
from rich.console import Console

from harness.cli.main import main
from harness.model import THE_RUN, Activity, Span, Timeline
from harness.report.builders.timeline import MEANING, divided, timeline_document, without_rounds
from harness.report.figures.activities import LOOKS, activities
from harness.report.html.run_page import run_page
from harness.report.render.terminal import show_document
from harness.store import TimelineWriter, load
from tests.support.saved import claim, measurements_of, save

SPANS = (
    Span(THE_RUN, Activity.CEILINGS, 10.0, 20.0),
    Span(1, Activity.IMPORT, 20.0, 30.0),
    Span(2, Activity.IMPORT, 20.0, 32.0),
    Span(1, Activity.SET_UP, 32.0, 34.0, "a.py::bench_a", 1),
    Span(2, Activity.WAITING, 32.0, 60.0),
    Span(1, Activity.WARM_UP, 34.0, 40.0, "a.py::bench_a", 1),
    Span(1, Activity.ROUNDS, 40.0, 58.0, "a.py::bench_a", 1),
    Span(1, Activity.WEIGHING, 58.0, 60.0, "a.py::bench_a", 1),
)
WORKED = Timeline(0.0, 100.0, SPANS)


def saved_with_timeline(folder: Path) -> Path:
    """A saved run with that timeline."""
    save(folder, [claim("A1")], measurements_of(claim("A1"), "", 3, tip=0.9e-3))
    writer = TimelineWriter(folder, WORKED.start)
    for span in SPANS:
        writer.span(span)
    writer.end(WORKED.end)
    return folder


def test_the_time_divides_by_the_most_useful_thing_at_each_moment() -> None:
    """Processes that import side by side count once, waiting counts beside nothing else, and all adds up."""
    found = divided(WORKED)
    assert found == {
        Activity.ROUNDS: 18.0,
        Activity.WARM_UP: 6.0,
        Activity.SET_UP: 2.0,
        Activity.WEIGHING: 2.0,
        Activity.CEILINGS: 10.0,
        Activity.IMPORT: 12.0,
        None: 50.0,
    }
    assert sum(found.values()) == pytest.approx(WORKED.seconds)
    assert without_rounds(WORKED) == pytest.approx(0.82)


def test_spans_beyond_the_run_are_cut() -> None:
    """A span that began before the run, or ended after it, counts as far as it is the run's."""
    found = divided(
        Timeline(0.0, 10.0, (Span(1, Activity.ROUNDS, -5.0, 4.0), Span(1, Activity.WAITING, 9.0, 12.0)))
    )
    assert found == {Activity.ROUNDS: 4.0, Activity.WAITING: 1.0, None: 5.0}
    assert without_rounds(Timeline()) == 0.0


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_has_shares_by_activity_and_process(tmp_path: Path, width: int) -> None:
    """The share without rounds is one figure; every activity has its seconds and its share, every process a
    row."""
    file = io.StringIO()
    show_document(
        timeline_document(load(saved_with_timeline(tmp_path / "run"))), Console(file=file, width=width)
    )
    text = file.getvalue()
    assert "no round ran in 82 % of the time" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= width
    shares = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "18 s" in shares["rounds"] or "18 %" in text
    (imports,) = [line for line in text.splitlines() if line.strip().startswith("import ")]
    assert imports.split()[1:7] == ["12", "s", "12", "%", "22", "s"]
    assert "process-001" in text and "process-002" in text and "the run" in text


def test_report_timeline_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``report --timeline`` prints it; a run of an earlier version says that it has none."""
    saved_with_timeline(tmp_path / "2026-01-02_03-04-05")
    assert main(["report", "--timeline", "--results", str(tmp_path)]) == 0
    assert "By activity" in capsys.readouterr().out
    save(tmp_path / "2026-01-02_03-04-06", [claim("A1")], measurements_of(claim("A1"), "", 1, tip=1e-3))
    assert main(["report", "--timeline", "--results", str(tmp_path)]) == 0
    assert "no timeline was recorded" in capsys.readouterr().out


def test_the_page_has_the_picture(tmp_path: Path) -> None:
    """With a caption, a description for who cannot see it, and the numbers behind it."""
    page = run_page(load(saved_with_timeline(tmp_path / "run")))
    (figure,) = [figure for figure in page.figures if figure.name == "activities"]
    assert "no round ran in 82 %" in figure.caption
    assert "3 processes" in figure.description
    assert figure.numbers is not None
    assert figure.numbers.rows[0][:3] == ("rounds", "18 s", "18 %")
    assert json_item(figure.drawing)["doc"]
    assert activities(Timeline()) is None


def test_every_activity_has_its_looks_and_its_meaning() -> None:
    """No two look alike, and none is known by its colour alone."""
    assert set(LOOKS) == set(MEANING) == set(Activity)
    assert len(set(LOOKS.values())) == len(LOOKS)
